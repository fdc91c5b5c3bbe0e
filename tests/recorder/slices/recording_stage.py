"""The parts of a channel around one recording, without threads, on a clock that the test turns."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.packets import Packet
from recorder.protocol import BeginRecording, Event, SliceClosed
from recorder.slices.finisher import Finisher
from recorder.slices.recording import Recording, Surroundings
from recorder.specs import Cause, Limits, RecordingSpec, SliceFacts, Tuning
from recorder.stream.channel_clock import ChannelClock
from recorder.stream.feed import Feed
from recorder.stream.ring import Ring
from recorder.stream.timeline import Timeline
from tests.media import (
    digest,
    tracks_of,
)

WALL_ZERO = 1_700_000_000.0


class Stage:
    """A channel's parts around one recording; `play` lets packets arrive and time pass."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.now = 0.0
        self.folder = folder
        self.events: list[Event] = []
        self.timeline = Timeline()
        limits = limits or Limits()
        self.clock = ChannelClock(self.timeline, lambda: self.now + WALL_ZERO, lambda: self.now)
        self.feed = Feed(Ring(limits.ring_sec, limits.ring_bytes), limits.queue_bytes)
        self.finisher = Finisher(self.events.append)
        self.around = Surroundings(7, folder, limits, self.clock, self.finisher, self.events.append, self.feed.since)
        self.recordings: list[Recording] = []

    def begin(self, tuning: Tuning, begin: float, end: float | None = None, slice_id: int = 11) -> Recording:
        end_at = None if end is None else WALL_ZERO + end
        recording = Recording(
            BeginRecording(RecordingSpec(slice_id, 5), WALL_ZERO + begin, end_at), tuning, self.around
        )
        self.recordings.append(recording)
        recording.start()
        return recording

    def connect(self, packets: list[Packet]) -> None:
        self.timeline.begin_session(tracks_of(packets))

    def play(self, packets: list[Packet], shift: float = 0.0) -> None:
        for packet in packets:
            self.now = packet.arrival + shift
            moved = replace(packet, arrival=self.now)
            timed = self.timeline.repair(moved)
            self.feed.put(timed)
            for recording in self.recordings:
                recording.take(timed)

    def lose(self, cause: Cause) -> None:
        self.feed.source_lost()
        for recording in self.recordings:
            recording.lost(cause)

    def finish(self) -> list[SliceFacts]:
        self.finisher.join()
        return [event.facts for event in self.events if isinstance(event, SliceClosed)]

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def hashes(packets: list[Packet], kind: str) -> list[str]:
    return [digest(packet) for packet in packets if packet.track.kind == kind]


def break_disk(monkeypatch: pytest.MonkeyPatch, call: str, broken: Callable[[], bool]) -> None:
    real = getattr(os, call)

    def failing(*arguments: object) -> object:
        if broken():
            raise OSError(errno.ENOSPC if call == "pwritev" else errno.EIO, "broken by the test")
        return real(*arguments)

    monkeypatch.setattr(f"recorder.disk_calls.{call}", failing)
