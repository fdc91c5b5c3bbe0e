"""What may leave the local disk, what coming lessons need of it, and how it is with it. Plain functions over sizes and
times; `agent.spool.media` looks at the disk, `agent.spool.disk_keeper` does what is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.journal.rows import SliceRow, SliceState

DiskState = Literal["well", "short", "low", "full", "read_only", "failing", "missing"]
"""`short`: a coming lesson will not fit; `low`: less than the reserve is free and nothing more may go; `full`: nothing
is free; `read_only`, `failing`: it takes nothing; `missing`: the disk is not mounted.
"""

USUAL_RATE = 4e6 / 8
"""Bytes a second that a channel is taken for of which nothing has been recorded yet."""
AHEAD_SEC = 3600.0
"""How long before its start a lesson that will not fit is announced: time enough to make room."""
FULL_BYTES = 64 << 20
"""A disk with less than this is full: the recorder's next flushes may fail at any moment."""


@dataclass(frozen=True, slots=True)
class DiskPolicy:
    """Bytes: `reserve` stays free on the disk, `quota` bounds what recordings take.

    `unsent_may_go`: where the reserve can be kept no other way, the oldest recordings that are not uploaded go too.
    """

    reserve: int
    quota: int
    unsent_may_go: bool = False


def to_remove(policy: DiskPolicy, free: int, used: int, confirmed: Sequence[SliceRow]) -> list[SliceRow]:
    """The confirmed slices that must go, oldest first, so that `free` is at least the reserve and `used` at most the
    quota.

    Only what the server has confirmed is ever named here; what is not uploaded stays, whatever the disk says.
    """
    return _oldest(max(policy.reserve - free, used - policy.quota), confirmed, SliceState.CONFIRMED)


def to_give_up(policy: DiskPolicy, free: int, unsent: Sequence[SliceRow]) -> list[SliceRow]:
    """The recordings that are lost so that others can be made, oldest first: none, unless the policy allows it and the
    reserve cannot be kept otherwise. A loss that the caller has to name.
    """
    if not policy.unsent_may_go:
        return []
    return _oldest(policy.reserve - free, unsent, SliceState.RECORDED)


def _oldest(excess: int, rows: Sequence[SliceRow], state: SliceState) -> list[SliceRow]:
    chosen: list[SliceRow] = []
    for row in rows:
        if excess <= 0:
            break
        if row.state is state:
            chosen.append(row)
            excess -= row.size
    return chosen


def remove_files(rows: Iterable[SliceRow]) -> tuple[list[str], dict[str, str]]:
    """Unlink slices with their thumbnails; the stems that are gone (also those that were gone before), and of those
    that the system does not let go, why.
    """
    gone, stuck = [], {}
    for row in rows:
        try:
            for path in (row.path, row.thumbnail):
                if path is not None:
                    path.unlink(missing_ok=True)
        except OSError as error:
            stuck[row.stem] = str(error)
        else:
            gone.append(row.stem)
    return gone, stuck


# -- what comes


@dataclass(frozen=True, slots=True)
class Coming:
    """A lesson that is on or will be, Unix seconds. `key` tells it from others, `title` is for people."""

    key: str
    camera_id: int
    start: float
    end: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Shortage:
    """The first lesson that will not fit, with everything before it: bytes it takes to its end, bytes there are for it,
    and when the disk is full.
    """

    lesson: Coming
    need: int
    room: int
    full_at: float


def byte_rates(slices: Iterable[tuple[int, int, float]]) -> dict[int, float]:
    """Bytes a second of each channel, from its finished slices (channel, bytes, seconds)."""
    sizes: dict[int, int] = {}
    lengths: dict[int, float] = {}
    for camera_id, size, seconds in slices:
        sizes[camera_id] = sizes.get(camera_id, 0) + size
        lengths[camera_id] = lengths.get(camera_id, 0.0) + seconds
    return {camera_id: sizes[camera_id] / length for camera_id, length in lengths.items() if length > 0}


def rate_of(camera_id: int, rates: Mapping[int, float]) -> float:
    """A channel's bytes a second: its own; else the greatest of the others, which are probably the same model."""
    return rates.get(camera_id) or max(rates.values(), default=USUAL_RATE)


def first_shortage(room: int, lessons: Iterable[Coming], rates: Mapping[int, float], now: float) -> Shortage | None:
    """The first lesson, by start, at whose end `room` bytes are not enough for what was recorded until then."""
    taken = 0.0
    for lesson in sorted(lessons, key=lambda one: (one.start, one.end, one.key)):
        rate = rate_of(lesson.camera_id, rates)
        begin = max(lesson.start, now)
        need = rate * max(0.0, lesson.end - begin)
        if taken + need > room:
            full_at = begin + max(0.0, room - taken) / rate
            return Shortage(lesson, int(taken + need), room, full_at)
        taken += need
    return None


# -- how it is


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What one look at the media folder found. `error` is the system's word where it takes nothing."""

    free: int = 0
    total: int = 0
    missing: bool = False
    read_only: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class DiskVerdict:
    """`room`: bytes for recordings, with what may still be deleted, down to the reserve."""

    state: DiskState
    room: int = 0
    shortage: Shortage | None = None
    detail: str = ""


def judge(
    facts: MediaFacts,
    policy: DiskPolicy,
    deletable: int,
    *,
    lessons: Iterable[Coming],
    rates: Mapping[int, float],
    now: float,
) -> DiskVerdict:
    """The worst that is true. `deletable`: bytes of confirmed slices that are still there."""
    if facts.missing:
        return DiskVerdict("missing", detail=facts.error)
    if facts.read_only:
        return DiskVerdict("read_only", detail=facts.error)
    if facts.error and facts.free >= FULL_BYTES:
        return DiskVerdict("failing", detail=facts.error)
    room = max(0, facts.free + deletable - policy.reserve)
    shortage = first_shortage(room, [one for one in lessons if one.start <= now + AHEAD_SEC], rates, now)
    if facts.free < FULL_BYTES and not deletable:
        return DiskVerdict("full", room, shortage, facts.error)
    if shortage is not None:
        return DiskVerdict("short", room, shortage)
    return DiskVerdict("low" if facts.free + deletable < policy.reserve else "well", room)
