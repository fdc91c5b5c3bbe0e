"""When the picture is looked at and the sound listened to; what is found is told as alarms."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import get_args

from recorder.clocks import monotonic
from recorder.packets import Packet
from recorder.pictures.looks import level_of, look_at
from recorder.pictures.watching import FRESH_SEC, Finding, Watch
from recorder.protocol import AlarmCleared, AlarmRaised, Event
from recorder.slices.finisher import Finisher
from recorder.specs import AlarmKind, Watching
from recorder.stream.stream import Stream

_SOUND_PACKETS = 24  # half a second of AAC at 48 kHz
_BETWEEN_PACKETS = 50
_GOLDEN = 0.618_034


class Watcher:
    """The alarms of a channel.  `watched` gives the stream that is to be looked at: one at a time.

    `tick` is called by the main thread about once a second, `key_frame` and `lost` by reading threads; the decoding is
    the finisher's thread's.  Looks never queue up: the next one waits for the one before.
    """

    def __init__(
        self,
        limits: Watching,
        standing: Mapping[str, float],
        finisher: Finisher,
        emit: Callable[[Event], None],
        watched: Callable[[], Stream],
    ) -> None:
        self._limits = limits
        self._finisher = finisher
        self._emit = emit
        self._watched = watched
        self._began: dict[AlarmKind, float] = {kind: standing[kind] for kind in get_args(AlarmKind) if kind in standing}
        """The alarms that stand, with the wall clock of their beginning."""
        self._watch = Watch(limits, {kind: _monotonic(at) for kind, at in self._began.items()})
        self._lock = threading.Lock()  # of the watch, which knows no threads
        self._seen: Stream | None = None
        self._looks = count(1)
        self._look_at = 0.0  # monotonic, when the next look is due
        self._looking = False
        self.cpu_sec = 0.0
        """What all looks have taken so far."""

    def key_frame(self, stream: Stream) -> None:
        """A key frame came by this stream: it is looked at when it is time."""
        now = monotonic()
        if self._limits.look_sec <= 0 or self._looking or now < self._look_at or stream is not self._watched():
            return
        group = stream.key_group()
        if group:
            self._looking = True
            key_frame = group[0].packet
            between = stream.feed.tail(_BETWEEN_PACKETS, lambda timed: timed.leads and not timed.opens)
            sound = stream.feed.tail(_SOUND_PACKETS, lambda timed: timed.packet.track.kind == "audio")
            self._finisher.look(
                lambda: self._look(
                    stream, key_frame, [timed.packet for timed in between], [timed.packet for timed in sound]
                )
            )

    def tick(self, now: float) -> None:
        """Whether both tracks come, at `now` (monotonic)."""
        stream = self._watched()
        if stream is not self._seen:
            self._pause()  # two pictures of two streams are not compared
            self._seen = stream
        if stream.online:
            reader = stream.reader
            with self._lock:
                self._tell(stream, self._watch.flow(now, _age(now, reader.video_at), _age(now, reader.audio_at)))

    def lost(self, stream: Stream) -> None:
        """The connection of this stream ended."""
        if stream is self._seen:
            self._pause()

    def _pause(self) -> None:
        with self._lock:
            self._watch.pause()

    def _look(self, stream: Stream, key_frame: Packet, between: list[Packet], sound: list[Packet]) -> None:
        """In the finisher's thread."""
        began = time.thread_time()
        try:
            look = look_at(key_frame, between)
            fresh = len(sound) == _SOUND_PACKETS and key_frame.arrival - sound[0].arrival < FRESH_SEC
            level = level_of(sound) if fresh else None
            with self._lock:
                if stream is self._seen and stream.online:
                    found = self._watch.picture(key_frame.arrival, look) if look is not None else []
                    found += self._watch.sound(sound[-1].arrival, level) if level is not None else []
                    self._tell(stream, found)
        finally:
            took = time.thread_time() - began
            self.cpu_sec += took
            self._look_at = monotonic() + self._pause_sec(took)
            self._looking = False

    def _pause_sec(self, took: float) -> float:
        """Until the next look: never the same twice in a row, so that a film's loop is not met at the same place."""
        spread = 0.75 + 0.5 * (next(self._looks) * _GOLDEN % 1)
        return max(self._limits.look_sec * spread, took / self._limits.cpu_share)

    def _tell(self, stream: Stream, found: list[Finding]) -> None:
        for one in found:
            at = round(_wall(one.since), 3)
            if one.raised:
                self._began[one.kind] = at
                self._emit(AlarmRaised(one.kind, stream.name, at, one.detail, one.why, dict(one.figures)))
            else:
                self._emit(AlarmCleared(one.kind, stream.name, self._began.pop(one.kind), at, one.detail))


def _wall(at: float) -> float:
    return time.time() - monotonic() + at


def _monotonic(wall: float) -> float:
    return wall - time.time() + monotonic()


def _age(now: float, at: float | None) -> float | None:
    return None if at is None else max(0.0, now - at)
