"""Will the next lesson be recorded? An answer from what agents last said, with what speaks against it. Plain functions.

The server knows less than an agent does of itself: one that is not connected may be switched off, or be recording with
its network down. That is said as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Answer = Literal["yes", "doubtful", "unknown", "no", "none"]
Doubt = Literal[
    "agent_offline",
    "camera_away",
    "camera_starting",
    "disk_full",
    "disk_missing",
    "disk_read_only",
    "disk_failing",
]
_DISK: Mapping[str, Doubt] = {
    "missing": "disk_missing",
    "read_only": "disk_read_only",
    "failing": "disk_failing",
    "full": "disk_full",
}
_WORST: Sequence[Answer] = ("no", "unknown", "doubtful", "yes")
RESERVE_BYTES = 256 << 20
"""A disk with less than this left beyond what the lessons need is full."""
BYTES_PER_SEC = 4e6 / 8
"""What a camera is taken for."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """An agent: whether its lease holds, and its disk."""

    name: str
    alive: bool
    disk_free: int
    disk_state: str = "well"


@dataclass(frozen=True, slots=True)
class Room:
    """A channel: `status` 1 online, 0 offline for a `cause`, -1 not known; `wanted`: not stopped by hand."""

    name: str
    gather_id: int
    status: int
    cause: str = ""
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Coming:
    """A lesson of the timetable. Unix seconds."""

    camera_id: int
    title: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Reason:
    """What speaks against it, and where; the cause as far as it is known."""

    doubt: Doubt
    where: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """`lessons` are those of the next ones, which begin together, that the answer is about: "no" = as things stand they
    are lost. `others` begin with them and are well.
    """

    answer: Answer
    lessons: tuple[Coming, ...] = ()
    others: int = 0
    reasons: tuple[Reason, ...] = ()


def outlook(coming: Sequence[Coming], rooms: Mapping[int, Room], recorders: Mapping[int, Recorder]) -> Outlook:
    """The answer for the next lesson; of several that begin together the worst counts.

    A channel that was stopped by hand counts as good: a lesson connects it.
    """
    if not coming:
        return Outlook("none")
    start = min(lesson.start for lesson in coming)
    together = tuple(lesson for lesson in coming if lesson.start == start)
    needed: dict[int, float] = {}
    for lesson in together:
        gather_id = rooms[lesson.camera_id].gather_id
        needed[gather_id] = needed.get(gather_id, 0.0) + BYTES_PER_SEC * (lesson.end - lesson.start)
    found: dict[Coming, list[Reason]] = {}
    for lesson in together:
        room = rooms[lesson.camera_id]
        recorder = recorders[room.gather_id]
        found[lesson] = _of_recorder(recorder, needed[room.gather_id]) or _against(room)
    answers = {lesson: _answer(reasons) for lesson, reasons in found.items()}
    worst = min(answers.values(), key=_WORST.index)
    lessons = tuple(lesson for lesson in together if answers[lesson] == worst)
    reasons = dict.fromkeys(reason for lesson in together for reason in found[lesson])
    return Outlook(
        worst, lessons, sum(answer == "yes" for answer in answers.values()) if worst != "yes" else 0, tuple(reasons)
    )


def _answer(reasons: Sequence[Reason]) -> Answer:
    doubts = {reason.doubt for reason in reasons}
    if doubts - {"agent_offline", "camera_starting"}:
        return "no"
    if "agent_offline" in doubts:
        return "unknown"
    return "doubtful" if doubts else "yes"


def _against(room: Room) -> list[Reason]:
    if room.status == 1 or not room.wanted:
        return []
    return [Reason("camera_away" if room.status == 0 else "camera_starting", room.name, room.cause)]


def _of_recorder(recorder: Recorder, needed: float) -> list[Reason]:
    if not recorder.alive:
        return [Reason("agent_offline", recorder.name)]
    if recorder.disk_state in _DISK:
        return [Reason(_DISK[recorder.disk_state], recorder.name)]
    # An agent that has not reported yet knows of no disk.
    if 0 < recorder.disk_free < needed + RESERVE_BYTES:
        return [Reason("disk_full", recorder.name)]
    return []
