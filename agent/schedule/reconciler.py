"""What should run, and what must change so that it does. Plain functions: state in, orders out.

Nothing is done because an edge was seen: power-up inside a lesson, an edited timetable, a clock step and a missed
timer are all the same question asked again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.schedule.timetable import ChannelTimetable, Lesson, Timetable

LEAD_SEC = 30.0
"""A channel that nobody wants is connected this long before its lesson, so that the ring holds the lesson's first key
frame.
"""
TAIL_SEC = 10.0
"""It stays connected this long after it: the last packets before the end are still on their way."""
END_GRACE_SEC = 75.0
"""A recorder waits for a lesson's last packets as long as they may still come, 68 seconds at most where they do not
come in heaps; who has not ended then is told to.
"""


@dataclass(frozen=True, slots=True)
class ManualRecording:
    """A recording by hand, until `end` (Unix seconds) or until it is stopped (None).

    It was asked for by length, not by the clock: when the clock is set, `begin` and `end` go with it, while `asked_at`
    stays what the clock said when it was asked for (None: `begin`).
    """

    camera_id: int
    begin: float
    end: float | None = None
    title: str = ""
    asked_at: float | None = None

    @property
    def key(self) -> str:
        """Tells this recording from every other, over restarts and set clocks."""
        return f"manual:{self.camera_id}:{self.begin if self.asked_at is None else self.asked_at:.3f}"


@dataclass(frozen=True, slots=True)
class Due:
    """A recording that should be on now."""

    key: str
    camera_id: int
    course_id: int
    begin: float
    end: float | None
    subject_id: int = 0
    teacher_id: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """What a channel should do: hold the source open or not, keep reconnecting or not, and record what is due.

    `soon`: a recording is on, or close before or behind (`LEAD_SEC`, `TAIL_SEC`). `until`: while nobody edits anything
    and the clock only goes on, the answer is this one before that instant (Unix seconds).
    """

    connect: bool
    reconnect: bool
    due: tuple[Due, ...] = ()
    soon: bool = True
    until: float = field(default=math.inf, compare=False)


@dataclass(frozen=True, slots=True)
class Changes:
    """What turns one set of running recordings into another. Begins are carried out before ends: touching lessons
    lose no packet.
    """

    begin: tuple[Due, ...] = ()
    move: tuple[Due, ...] = ()
    end: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.begin or self.move or self.end)


OFF = Desired(connect=False, reconnect=False)


def what_should_run(
    wanted: Mapping[int, bool],
    timetable: Timetable,
    manual: Iterable[ManualRecording],
    now: float,
    *,
    auto_dvr: bool,
) -> dict[int, Desired]:
    """For every channel in `wanted` (camera id → wanted by its owner), what it should do at `now`.

    A due lesson outranks: it connects and records a channel that is switched off, too.
    """
    by_hand: dict[int, list[ManualRecording]] = {}
    for one in manual:
        by_hand.setdefault(one.camera_id, []).append(one)
    return {
        camera_id: _desired(
            is_wanted, timetable.channels.get(camera_id), by_hand.get(camera_id, ()), now, reconnect=auto_dvr
        )
        for camera_id, is_wanted in wanted.items()
    }


def _desired(
    wanted: bool,
    timetable: ChannelTimetable | None,
    manual: Sequence[ManualRecording],
    now: float,
    *,
    reconnect: bool,
) -> Desired:
    due: list[Due] = []
    edges: list[float] = []
    soon = False
    if timetable is not None:
        # From the very moment that `until` names: the upper bound is one that still belongs to it.
        ahead = math.nextafter(now + LEAD_SEC, math.inf)
        for lesson in timetable.lessons_between(now - TAIL_SEC, ahead):
            soon = True
            edges += lesson.start, lesson.end, lesson.end + TAIL_SEC
            if lesson.start <= now < lesson.end:
                due.append(due_lesson(lesson))
        edges.append(max(timetable.next_start(ahead) - LEAD_SEC, math.nextafter(now, math.inf)))
    for one in manual:
        end = math.inf if one.end is None else one.end
        edges += one.begin, end, end + TAIL_SEC
        soon = soon or one.begin <= now < end + TAIL_SEC
        if one.begin <= now < end:
            due.append(Due(one.key, one.camera_id, 0, one.begin, one.end, title=one.title))
    return Desired(
        connect=wanted or soon,
        reconnect=reconnect and wanted,
        due=tuple(due),
        soon=soon,
        until=min((edge for edge in edges if edge > now), default=math.inf),
    )


def changes(
    running: Mapping[str, float | None], due: Iterable[Due], now: float, grace_sec: float = END_GRACE_SEC
) -> Changes:
    """The difference between the running recordings (key → end they know) and the due ones.

    A recording whose end has just passed ends by itself with the last packet before it, which may still be on its
    way; it is told to end only when it has not done so after `grace_sec`.
    """
    wanted = {item.key: item for item in due}
    ending = {key for key, end in running.items() if end is not None and end <= now < end + grace_sec}
    return Changes(
        begin=tuple(item for key, item in wanted.items() if key not in running),
        move=tuple(item for key, item in wanted.items() if key in running and running[key] != item.end),
        end=tuple(key for key in running if key not in wanted and key not in ending),
    )


def due_lesson(lesson: Lesson) -> Due:
    """The recording that a lesson asks for."""
    course = lesson.course
    return Due(
        key=lesson.key,
        camera_id=course.camera_id,
        course_id=course.course_id,
        begin=lesson.start,
        end=lesson.end,
        subject_id=course.subject_id,
        teacher_id=course.teacher_id,
        title=course.title,
    )
