"""One source of a channel and everything that is kept of it: its time, its last packets, its connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from recorder.clocks import monotonic
from recorder.protocol import Event, LinkChanged
from recorder.specs import Cause, Limits, SourceSpec, StreamName
from recorder.stream.channel_clock import ChannelClock
from recorder.stream.feed import Feed
from recorder.stream.reader import Reader
from recorder.stream.refusals import Refusals
from recorder.stream.ring import Ring
from recorder.stream.timeline import Timed, Timeline

SUB_RING_SEC = 2.0
SUB_RING_BYTES = 16 << 20
"""A sub stream begins no recording: its ring holds what a picture and a viewer's first second need."""


class Stream:
    """The main or the sub stream of a camera. Each has a reading thread, a connection and a back-off of its own.

    `needed`, `wanted`, `lost` and `key_frame` are those of `Reader`, called by its thread; the last two are told whose
    they are.  What the reader emits bears the stream's name.
    """

    def __init__(
        self,
        name: StreamName,
        spec: SourceSpec,
        limits: Limits,
        *,
        emit: Callable[[Event], None],
        needed: Callable[[], bool],
        wanted: Callable[[], bool],
        lost: Callable[[Stream, Cause], None],
        key_frame: Callable[[Stream], None],
        refusals: Refusals,
    ) -> None:
        self.name = name
        self._emit = emit
        self._made_at = monotonic()
        self.timeline = Timeline()
        self.clock = ChannelClock(self.timeline)
        self.feed = Feed(Ring(limits.ring_sec, limits.ring_bytes), limits.queue_bytes)
        self.reader = Reader(
            spec,
            limits,
            self.timeline,
            self.feed,
            emit=self._tell,
            needed=needed,
            wanted=wanted,
            lost=lambda cause: lost(self, cause),
            key_frame=lambda: key_frame(self),
            refusals=refusals,
        )

    @property
    def online(self) -> bool:
        """Whether packets come."""
        return self.reader.online

    def away_sec(self, now: float) -> float:
        """For how long no packet came, monotonic seconds; 0 while it is online."""
        if self.online:
            return 0.0
        return now - max(self._made_at, self.reader.last_arrival or 0.0)

    def key_group(self) -> list[Timed]:
        """The packets of the picture from the newest key frame on; empty where the stream is away or has none."""
        if not self.online:
            return []
        return [timed for timed in self.feed.last_group() if timed.leads and timed.packet.track.kind == "video"]

    def _tell(self, event: Event) -> None:
        self._emit(replace(event, stream=self.name) if isinstance(event, LinkChanged) else event)


def limits_of_sub(limits: Limits) -> Limits:
    """The bounds of a channel's sub stream, out of those of its main stream."""
    return replace(
        limits,
        ring_sec=min(limits.ring_sec, SUB_RING_SEC),
        ring_bytes=min(limits.ring_bytes, SUB_RING_BYTES),
        queue_bytes=min(limits.queue_bytes, SUB_RING_BYTES),
    )
