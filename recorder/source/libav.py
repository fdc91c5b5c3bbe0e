"""Network streams through libavformat: RTSP(S), RTMP(S), HTTP-FLV, HLS and what else FFmpeg demuxes from a socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import av
from av.container import InputContainer
from av.packet import Packet as AvPacket
from av.stream import Stream

from recorder.errors import SourceError
from recorder.packets import Packet, Track
from recorder.protocol import Limits, SourceSpec
from recorder.source import failures
from recorder.source.tracks import ParameterWatch, choose, track_of
from recorder.source.urls import Address, address_of

# libav waits twice for its own time limit before it gives up in the middle of a stream (measured with FFmpeg 8.1).
_WAITS = 2
# Silence counts as a stall a little before the limit: libav's clock ticks in tenths of a second.
_CLOCK_SLACK_SEC = 0.5
_UDP_BUFFER_BYTES = 4 << 20
_HTTP_FORMATS = "flv,live_flv,hls,mpegts,mpjpeg,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,h264,hevc,aac,mp3"


class LibavSource:
    """`Source` over PyAV. Its packets keep the camera's stamps; start codes or lengths stay as they come."""

    def __init__(self, spec: SourceSpec, limits: Limits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`spec` must be of kind "stream"; raises `RefusedUrl` for an address that is never opened."""
        self._address = address_of(spec)
        self._transport = spec.transport
        self._limits = limits
        self._monotonic = monotonic
        self._container: InputContainer | None = None
        self._packets: Iterator[AvPacket[Stream]] = iter(())
        self._watches: dict[int, ParameterWatch] = {}
        self._dropped: tuple[str, ...] = ()
        self._interrupted = False
        self._last_packet_at = 0.0

    @property
    def dropped(self) -> tuple[str, ...]:
        """Tracks that were left out, each with the reason."""
        return self._dropped

    def open(self) -> tuple[Track, ...]:
        """Connect and probe; see `Source.open`."""
        self._reach()
        container = self._open_container()
        self._container = container
        streams, self._dropped = choose(list(container.streams))
        if not streams:
            reasons = "; ".join(self._dropped) or "it announces no track"
            raise SourceError("unusable", f"{self._address.shown}: nothing that can be recorded ({reasons})")
        self._watches = {stream.index: ParameterWatch(track_of(stream)) for stream in streams}
        self._packets = container.demux(*streams)
        self._last_packet_at = self._monotonic()
        return tuple(watch.track for watch in self._watches.values())

    def read(self) -> Packet:
        """The next packet; see `Source.read`."""
        while True:
            self._check_interrupt()
            try:
                packet = next(self._packets, None)
            except (av.FFmpegError, OSError) as error:
                raise self._lost(error) from None  # its message may hold the password
            if packet is None:
                raise self._lost(None)
            if packet.size:  # libav ends a stream with an empty packet for each track
                return self._ours(packet)

    def interrupt(self) -> None:
        """Ask a blocked `open` or `read` to give up: at the next packet, or when libav's time limit runs out."""
        self._interrupted = True

    def close(self) -> None:
        """Let go of the connection; tracks and packets stay valid."""
        self._packets = iter(())
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _ours(self, packet: AvPacket[Stream]) -> Packet:
        arrival = self._last_packet_at = self._monotonic()
        watch = self._watches[packet.stream_index]
        data = bytes(packet)
        track = watch.track
        if packet.is_keyframe and track.kind == "video":
            announced = packet.has_sidedata("new_extradata")
            track = watch.key_frame(data, bytes(packet.get_sidedata("new_extradata")) if announced else b"")
        return Packet(
            track=track,
            data=data,
            pts=packet.pts,
            dts=packet.dts,
            duration=packet.duration or 0,
            is_key=packet.is_keyframe,
            arrival=arrival,
        )

    def _reach(self) -> None:
        """Resolve the name and see that the port is open: libav does both, but does not tell which one failed."""
        self._check_interrupt()
        patience = min(self._limits.connect_sec, self._limits.stall_sec)
        try:
            socket.create_connection((self._address.host, self._address.port), timeout=patience).close()
        except (OSError, UnicodeError) as error:
            reason = error if isinstance(error, OSError) else OSError(0, "not a host name")
            raise failures.while_connecting(self._address, reason) from error
        self._check_interrupt()

    def _open_container(self) -> InputContainer:
        started = self._monotonic()
        try:
            # PyAV's own time limit is set for opening only: during reads it would take the GIL for every poll.
            return av.open(
                self._address.url,
                "r",
                container_options=_options(self._address, self._transport, self._limits),
                metadata_errors="replace",
                timeout=(self._limits.connect_sec, None),
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            self._check_interrupt()
            waited = self._monotonic() - started
            patience = _libav_timeout_sec(self._limits) - _CLOCK_SLACK_SEC
            raise failures.while_opening(self._address, error, waited, patience) from None

    def _lost(self, error: Exception | None) -> SourceError:
        self._check_interrupt()
        silent = self._monotonic() - self._last_packet_at
        patience = _libav_timeout_sec(self._limits) * _WAITS - _CLOCK_SLACK_SEC
        return failures.while_reading(self._address, error, silent, patience)

    def _check_interrupt(self) -> None:
        if self._interrupted:
            raise SourceError("stopped", f"{self._address.shown}: stopped")


def _libav_timeout_sec(limits: Limits) -> float:
    return limits.stall_sec / _WAITS


def _options(address: Address, transport: str, limits: Limits) -> dict[str, str]:
    microseconds = str(round(_libav_timeout_sec(limits) * 1e6))
    options = {"protocol_whitelist": address.protocol_whitelist}
    if address.scheme.startswith("rtsp"):
        options |= {"rtsp_transport": transport, "timeout": microseconds, "allowed_media_types": "video+audio"}
        if transport == "udp":
            options["buffer_size"] = str(_UDP_BUFFER_BYTES)
    elif address.scheme.startswith("rtmp"):
        options |= {"rtmp_live": "live", "rw_timeout": microseconds}
    else:
        options |= {"rw_timeout": microseconds, "format_whitelist": _HTTP_FORMATS}
    return options
