"""A look at a camera before it is one: opens a source once, watches what comes, and says what was found.

For diagnosis: nothing is recorded, nothing is tried again.
"""

from __future__ import annotations

from collections.abc import Iterator

from recorder.clocks import monotonic
from recorder.errors import SourceError
from recorder.packets import Packet, Track
from recorder.protocol import ProbeSource, SourceProbed
from recorder.source.base import Source
from recorder.source.opening import open_source

ENOUGH_SEC = 3.0
"""With two key frames seen, so much is enough to tell rates by."""


def probe(order: ProbeSource) -> SourceProbed:
    """Open and look, for at most the connect limit and `look_sec`. Never raises: a failure is what was found."""
    started = monotonic()
    look = _Look()
    transport = order.source.transport
    source: Source | None = None
    try:
        source = open_source(order.source, order.limits)
        tracks = source.open()
        look.opened(tracks, source.dropped, monotonic() - started)
        for packet in _packets(source, order.look_sec):
            look.add(packet)
            if look.is_enough():
                break
    except SourceError as error:
        return look.found(transport, error.cause, str(error))
    finally:
        if source is not None:
            source.close()
    return look.found(transport)


def _packets(source: Source, look_sec: float) -> Iterator[Packet]:
    until = monotonic() + look_sec
    while monotonic() < until:
        yield source.read()


class _Look:
    """What has been seen so far."""

    def __init__(self) -> None:
        self._tracks: tuple[Track, ...] = ()
        self._dropped: tuple[str, ...] = ()
        self._open_sec = 0.0
        self._packets = self._pictures = self._bytes = 0
        self._first_arrival = self._last_arrival = 0.0
        self._key_times: list[float] = []
        self._times: list[float] = []

    def opened(self, tracks: tuple[Track, ...], dropped: tuple[str, ...], took_sec: float) -> None:
        self._tracks, self._dropped, self._open_sec = tracks, dropped, took_sec

    def add(self, packet: Packet) -> None:
        self._first_arrival = self._first_arrival or packet.arrival
        self._last_arrival = packet.arrival
        self._packets += 1
        self._bytes += len(packet.data)
        if packet.track.kind != "video":
            return
        self._pictures += 1
        stamp = packet.pts if packet.pts is not None else packet.dts
        at = packet.arrival if stamp is None else float(stamp * packet.track.time_base)
        self._times.append(at)
        if packet.is_key:
            self._key_times.append(at)

    def is_enough(self) -> bool:
        looked = self._last_arrival - self._first_arrival
        has_video = any(track.kind == "video" for track in self._tracks)
        return looked >= ENOUGH_SEC and (len(self._key_times) >= 2 or not has_video)

    def found(self, transport: str, cause: str = "", detail: str = "") -> SourceProbed:
        labels = {track.kind: track.label for track in self._tracks}
        media_sec = max(self._times) - min(self._times) if len(self._times) > 1 else 0.0
        gops = [later - earlier for earlier, later in zip(self._key_times, self._key_times[1:], strict=False)]
        looked = self._last_arrival - self._first_arrival
        span = media_sec or looked
        return SourceProbed(
            transport=transport,
            cause=cause,
            detail=detail,
            video=labels.get("video", ""),
            audio=labels.get("audio", ""),
            dropped=list(self._dropped),
            open_sec=round(self._open_sec, 3),
            looked_sec=round(looked, 3),
            packets=self._packets,
            pictures=self._pictures,
            key_frames=len(self._key_times),
            gop_sec=round(max(gops, default=0.0), 3),
            fps=round((self._pictures - 1) / media_sec, 2) if media_sec > 0 else 0.0,
            bit_rate=round(self._bytes * 8 / span) if span > 0 else 0,
        )
