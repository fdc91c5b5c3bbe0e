"""A writer with its surroundings on a clock that the test turns."""

from __future__ import annotations

import threading
from pathlib import Path

from recorder.packets import Packet
from recorder.protocol import Event
from recorder.slices.finisher import Finisher
from recorder.slices.recording import Surroundings
from recorder.slices.writer import Writer
from recorder.specs import Cause, Limits, Tuning
from recorder.stream.channel_clock import ChannelClock
from recorder.stream.feed import Feed
from recorder.stream.ring import Ring
from recorder.stream.timeline import Timeline

LIMIT_SEC = 10.0
WALL_ZERO = 1_700_000_000.0


class Stage:
    """A writer at work; the test turns the clock and puts the packets."""

    def __init__(self, folder: Path, limits: Limits, tuning: Tuning | None = None, heap_sec: float = 0.0) -> None:
        self.now = 0.0
        self.wall_zero = WALL_ZERO
        self.cause: Cause = "packet_loss"
        self.events: list[Event] = []
        self.timeline = Timeline()
        self.feed = Feed(Ring(limits.ring_sec, limits.ring_bytes), limits.queue_bytes)
        self.finisher = Finisher(self.events.append)
        clock = ChannelClock(self.timeline, lambda: self.wall_zero + self.now, lambda: self.now)
        self.around = Surroundings(7, folder, limits, clock, self.finisher, self.events.append, self.feed.since)
        self.writer = Writer(self.feed, self.around, tuning or Tuning(), lambda: self.cause, lambda: heap_sec)

    def play(self, packets: list[Packet]) -> None:
        for packet in packets:
            self.now = packet.arrival
            self.feed.put(self.timeline.repair(packet))

    def step_wall(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.wall_zero += seconds

    def done(self) -> None:
        """Wait until the writer has done all that was put."""
        reached = threading.Event()
        self.feed.command(reached.set)
        assert reached.wait(LIMIT_SEC)

    def close(self) -> None:
        self.writer.close()
        self.finisher.join()
