"""One life of a camera, from power-up to power-down: what it plays, since when, and where its counters began."""

from __future__ import annotations

import random
import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from recorder.packets import TrackKind
from tests.camera.film import Film, Unit
from tests.camera.mux import in_order
from tests.camera.packetise import SetsIn


@dataclass(frozen=True)
class Habits:
    """How a camera goes about it, where the standards leave room.

    `joins`: a new client's picture begins with a key frame, or with whatever comes next.  `stamps_from`: the first RTP
    stamp, or so many seconds before the 32-bit counter wraps (`wraps_after_sec`); both None: anywhere.
    `sender_report_sec` 0 sends none.  `sessions` bounds those that are alive, `session_sec` is how long one lives
    whose connection went without TEARDOWN.
    """

    sets_in: SetsIn = "both"
    joins: Literal["key", "any"] = "key"
    stamps_from: int | None = None
    wraps_after_sec: float | None = None
    sender_report_sec: float = 1.0
    rtp_info: bool = True
    sessions: int = 1000
    session_sec: float = 60.0
    audio_first: bool = False
    mtu: int = 1200


@dataclass
class Sent:
    """A unit that left the camera, or part of it. `waiting` holds the numbers of its packets that have not left."""

    session: int
    boot: int
    kind: TrackKind
    unit: Unit
    at: float  # wall clock
    stamp: int
    waiting: set[int] = field(default_factory=set)

    @property
    def whole(self) -> bool:
        """Whether every packet left."""
        return not self.waiting


@dataclass(frozen=True, slots=True)
class Due:
    """A unit of a track, due `at` seconds after power-up, with stamps that count from there."""

    at: float
    track: int
    unit: Unit
    pts: int


class Boot:
    """Counters begin anew with every one of them."""

    def __init__(self, number: int, film: Film, habits: Habits) -> None:
        self.number = number
        self.film = film
        self.habits = habits
        self.began = time.monotonic()
        self.wall = time.time()
        chance = random.Random(number * 7919 + 17)
        self.ssrcs = [chance.getrandbits(32) for _ in film.tracks]
        self.sequences = [chance.getrandbits(16) for _ in film.tracks]
        self.stamps = [self._first_stamp(track.clock, chance) for track in film.tracks]
        self._order = in_order(film)
        self._starts = [at for at, _, _ in self._order]

    @property
    def position(self) -> float:
        """Seconds since power-up."""
        return time.monotonic() - self.began

    def since(self, position: float) -> Iterator[Due]:
        """Everything that is due at or after a position, for ever."""
        loop, offset = divmod(position, self.film.seconds)
        first = bisect_left(self._starts, offset)
        while True:
            base = loop * self.film.seconds
            for at, index, unit in self._order[first:]:
                clock = self.film.tracks[index].clock
                yield Due(base + at, index, unit, round(base * clock) + unit.pts)
            loop, first = loop + 1, 0

    def _first_stamp(self, clock: int, chance: random.Random) -> int:
        if self.habits.wraps_after_sec is not None:
            return (1 << 32) - round(self.habits.wraps_after_sec * clock)
        if self.habits.stamps_from is not None:
            return self.habits.stamps_from
        return chance.getrandbits(31)
