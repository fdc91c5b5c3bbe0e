"""Wall clock, monotonic clock and media time of one channel, turned into each other with the offsets of the moment.

A stepped wall clock therefore moves targets, never media.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from recorder import clocks
from recorder.stream.timeline import Timeline


class ChannelClock:
    """`wall` and `monotonic` in seconds; tests hand in their own."""

    def __init__(
        self,
        timeline: Timeline,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = clocks.monotonic,
    ) -> None:
        self._timeline = timeline
        self.wall = wall
        self.monotonic = monotonic

    @property
    def known(self) -> bool:
        """Whether media time has begun: before the first packet it stands for nothing."""
        return self._timeline.known

    def media_of(self, wall: float) -> float:
        """The media time of a wall-clock instant."""
        return self._timeline.media_at(wall - self.wall() + self.monotonic())

    def wall_of(self, at: float) -> float:
        """The wall clock of a media time."""
        return self._timeline.instant_of(at) + self.wall() - self.monotonic()
