"""The reading thread: owns the source, connects again when it is lost, and puts packets into the feed."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Sequence
from typing import cast, get_args

from recorder.clocks import monotonic
from recorder.errors import SourceError
from recorder.packets import Packet, Track
from recorder.protocol import Event, LinkChanged, Trouble
from recorder.source.base import Source
from recorder.source.opening import open_source
from recorder.specs import Cause, Limits, SourceSpec
from recorder.stream.audio import AacTranscoder, AudioError, needs_transcoding
from recorder.stream.backoff import Backoff
from recorder.stream.feed import Feed
from recorder.stream.losses import Losses
from recorder.stream.refusals import Refusals, resting
from recorder.stream.timeline import Timed, Timeline

_CAUSES = frozenset(get_args(Cause))
_LOOK_SEC = 2.0
FROZEN_SEC = 3.0
"""Who should look every second and looks so late did not run meanwhile, and saw no silence."""


class Reader:
    """`needed`: the source is to be connected at all; `wanted`: when it is lost, it is to be opened again.

    `lost` hears of each loss, `key_frame` of each key frame; `refusals` are shared by all streams of a camera.

    Figures are plain attributes, written here and read by anyone.
    """

    def __init__(
        self,
        spec: SourceSpec,
        limits: Limits,
        timeline: Timeline,
        feed: Feed,
        *,
        emit: Callable[[Event], None],
        needed: Callable[[], bool],
        wanted: Callable[[], bool],
        lost: Callable[[Cause], None],
        key_frame: Callable[[], None],
        refusals: Refusals | None = None,
    ) -> None:
        self._spec = spec
        self._limits = limits
        self._timeline = timeline
        self._feed = feed
        self._emit = emit
        self._needed = needed
        self._wanted = wanted
        self._lost = lost
        self._key_frame = key_frame
        self._refusals = refusals or Refusals(limits.refused_sec)
        self._backoff = Backoff(limits.retry_min_sec, limits.retry_max_sec, random.random)
        self._wake = threading.Event()
        self._closing = False
        self._idle = False
        self._stalled_sec: float | None = None  # so long there was no picture
        self._led_at = 0.0  # when the last packet of the picture came, or of the sound where that is all
        self._watched_at = math.inf
        self._thawed_at = 0.0
        self._source: Source | None = None
        self._transcoders: dict[Track, AacTranscoder] = {}
        self._unusable: set[Track] = set()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self.losses = Losses()
        self.online = False
        self.cause: Cause = "late"
        self.packets = 0
        self.received_bytes = 0
        self.last_arrival: float | None = None
        self.heap_sec = 0.0  # so far apart the packets of this connection may come
        self.video_at: float | None = None  # the last packet of either track of this connection
        self.audio_at: float | None = None

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def wake(self) -> None:
        """What is wanted may have changed: do not wait any longer."""
        self._wake.set()

    def watch(self, now: float) -> None:
        """The stall clock of our own, for a read that hangs and a picture that stops: called about once a second.

        A source that nobody needs any more is let go of here.
        """
        if now - self._watched_at > FROZEN_SEC:
            self._thawed_at = now
        self._watched_at = now
        if not self._needed():
            self._interrupt()
            return
        source = self._source
        if self.online and source is not None:
            self.heap_sec = self._heap_sec(source)
            patience_sec = 2 * source.stall_sec
            if now - max(self._led_at, self._thawed_at) > patience_sec:
                self._stalled_sec = patience_sec
                self._interrupt()
        elif self._idle:
            self.wake()

    def close(self, timeout: float) -> bool:
        """Let go of the source; whether the thread ended in time."""
        self._closing = True
        self._wake.set()
        self._interrupt()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _interrupt(self) -> None:
        source = self._source
        if source is not None:
            source.interrupt()

    def _run(self) -> None:
        while not self._closing:
            self._idle_while_unneeded()
            if self._closing:
                return
            online_sec, error = self._connection()
            if not self._closing:
                self._lose(error, online_sec)

    def _idle_while_unneeded(self) -> None:
        if self._needed():
            return
        self._emit(LinkChanged("idle"))
        self._idle = True
        while not self._needed() and not self._closing:
            self._wake.wait()
            self._wake.clear()
        self._idle = False

    def _lose(self, error: SourceError, online_sec: float) -> None:
        """Tell of the loss and wait until the source is to be tried again."""
        self.cause = cast(Cause, error.cause) if error.cause in _CAUSES else "unusable"
        self._feed.source_lost()
        self._lost(self.cause)
        if not self._needed():
            return
        refused = self.cause == "unauthorized"
        delay = self._backoff.failed(online_sec)
        if refused:
            delay = self._refusals.refused(monotonic())
        if self._wanted():
            words = f"{error}; {resting(delay)}" if refused else str(error)
            self._emit(LinkChanged("waiting", self.cause, words, retry_sec=round(delay, 3)))
            if refused:
                self._rest()
            else:
                self._wake.wait(delay)
                self._wake.clear()
        if not self._wanted() and not self._closing:
            self._emit(LinkChanged("down", self.cause, str(error)))
        while not self._wanted() and not self._closing:
            self._wake.wait()
            self._wake.clear()

    def _rest(self) -> None:
        """Until a refused password may be tried again, or another stream of the camera was accepted."""
        asked = False
        while not self._closing and self._wanted() and not self._refusals.may_try(monotonic(), asked=asked):
            asked = self._wake.wait(_LOOK_SEC) or asked
            self._wake.clear()

    def _connection(self) -> tuple[float, SourceError]:
        """One connection from beginning to end; seconds it delivered, and why it ended."""
        self._emit(LinkChanged("connecting"))
        began: float | None = None
        self._stalled_sec = None
        try:
            source = open_source(self._spec, self._limits, lambda: self._feed.watched)
            self._source = source
            if self._closing:  # said before there was anything to interrupt
                source.interrupt()
            try:
                tracks = self._open(source)
                began = self.last_arrival = self._led_at = monotonic()
                self.heap_sec = self._heap_sec(source)
                self._go_online(tracks)
                while not self._closing:
                    self._take(source.read())
                error = SourceError("stopped", "closed")
            finally:
                self.online = False
                self._source = None
                if sentence := self.losses.tell(monotonic()):
                    self._emit(Trouble("packet_loss", sentence))
                source.close()
        except SourceError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - whatever a source meets is a lost connection, told as "unusable"
            error = SourceError("unusable", repr(raised))
        if (sec := self._stalled_sec) is not None:
            error = SourceError("stalled", f"no picture, or no sound where that is all, for {sec:.0f} s")
        return (monotonic() - began if began is not None else 0.0), error

    def _open(self, source: Source) -> tuple[Track, ...]:
        self._transcoders.clear()
        self._unusable.clear()
        tracks = [self._usable(track) for track in source.open()]
        for reason in source.dropped:
            self._emit(Trouble("track", reason))
        usable = tuple(track for track in tracks if track is not None)
        if not usable:
            raise SourceError("unusable", "the camera sends nothing that can be recorded")
        return usable

    def _heap_sec(self, source: Source) -> float:
        """A source with more patience than was asked for has it because its packets come in heaps."""
        return source.stall_sec if self._limits.stall_sec < source.stall_sec < math.inf else 0.0

    def _go_online(self, tracks: Sequence[Track]) -> None:
        self._timeline.begin_session(tracks)
        self.video_at = self.audio_at = None
        labels = {track.kind: track.label for track in tracks}
        self.online = True
        self._refusals.accepted()
        self._emit(LinkChanged("online", video=labels.get("video", ""), audio=labels.get("audio", "")))

    def _usable(self, track: Track) -> Track | None:
        """The track as it is recorded; None, and a word to people, where it cannot be."""
        if not needs_transcoding(track):
            return track
        try:
            transcoder = self._transcoders[track] = AacTranscoder(track)
        except AudioError as error:
            self._unusable.add(track)
            self._emit(Trouble("track", str(error)))
            return None
        return transcoder.track

    def _take(self, packet: Packet) -> None:
        self.packets += 1
        self.received_bytes += len(packet.data)
        self.last_arrival = packet.arrival
        if packet.lost and (sentence := self.losses.add(packet.track.kind, packet.lost, packet.arrival)):
            self._emit(Trouble("packet_loss", sentence))
        if not needs_transcoding(packet.track):
            self._put(self._timeline.repair(packet))
            return
        for made in self._transcoded(packet):
            self._put(self._timeline.repair(made))

    def _transcoded(self, packet: Packet) -> list[Packet]:
        track = packet.track
        if track in self._unusable or (track not in self._transcoders and self._usable(track) is None):
            return []
        try:
            return self._transcoders[track].feed(packet)
        except AudioError as error:
            # The picture goes on: sound that cannot be had never costs it.
            self._unusable.add(track)
            self._timeline.drop_track(self._transcoders[track].track)
            self._emit(Trouble("track", str(error)))
            return []

    def _put(self, timed: Timed) -> None:
        self._feed.put(timed)
        if timed.packet.track.kind == "audio":
            self.audio_at = timed.packet.arrival
        else:
            self.video_at = timed.packet.arrival
        if timed.leads:
            self._led_at = timed.packet.arrival
        if timed.opens and timed.packet.track.kind == "video":
            self._key_frame()
