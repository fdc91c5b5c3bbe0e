"""What should run, and what must change so that it does. Plain functions: state in, orders out.

Nothing is done because an edge was seen: power-up inside a lesson, an edited timetable, a clock step and a missed
timer are all the same question asked again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.timetable import Lesson, Timetable

LEAD_SEC = 30.0
"""A channel that nobody wants is connected this long before its lesson, so that the ring holds the lesson's first key
frame.
"""
TAIL_SEC = 10.0
"""It stays connected this long after it: the last packets before the end are still on their way."""
END_GRACE_SEC = 10.0


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

    `soon`: a recording is on, or close before or behind (`LEAD_SEC`, `TAIL_SEC`).
    """

    connect: bool
    reconnect: bool
    due: tuple[Due, ...] = ()
    soon: bool = True


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
    due: dict[int, list[Due]] = {camera_id: [] for camera_id in wanted}
    soon: set[int] = set()
    # From the very moment that `next_turn` names: the upper bound is one that still belongs to it.
    for lesson in timetable.lessons_between(now - TAIL_SEC, math.nextafter(now + LEAD_SEC, math.inf)):
        camera_id = lesson.course.camera_id
        if camera_id not in due:
            continue
        soon.add(camera_id)
        if lesson.start <= now < lesson.end:
            due[camera_id].append(due_lesson(lesson))
    for by_hand in manual:
        if by_hand.camera_id not in due or now < by_hand.begin:
            continue
        if by_hand.end is None or now < by_hand.end + TAIL_SEC:
            soon.add(by_hand.camera_id)
        if by_hand.end is None or now < by_hand.end:
            due[by_hand.camera_id].append(
                Due(by_hand.key, by_hand.camera_id, 0, by_hand.begin, by_hand.end, title=by_hand.title)
            )
    return {
        camera_id: Desired(
            connect=is_wanted or camera_id in soon,
            reconnect=auto_dvr and is_wanted,
            due=tuple(due[camera_id]),
            soon=camera_id in soon,
        )
        for camera_id, is_wanted in wanted.items()
    }


def changes(running: Mapping[str, float | None], due: Iterable[Due], now: float) -> Changes:
    """The difference between the running recordings (key → end they know) and the due ones.

    A recording whose end has just passed ends by itself with the last packet before it, which may still be on its
    way; it is told to end only when it has not done so after `END_GRACE_SEC`.
    """
    wanted = {item.key: item for item in due}
    ending = {key for key, end in running.items() if end is not None and end <= now < end + END_GRACE_SEC}
    return Changes(
        begin=tuple(item for key, item in wanted.items() if key not in running),
        move=tuple(item for key, item in wanted.items() if key in running and running[key] != item.end),
        end=tuple(key for key in running if key not in wanted and key not in ending),
    )


def next_turn(timetable: Timetable, manual: Iterable[ManualRecording], now: float) -> float | None:
    """The next instant after `now` at which `what_should_run` may answer otherwise; None when nothing is coming."""
    turns = [
        edge - offset
        for offset in (0.0, LEAD_SEC, -TAIL_SEC)
        if (edge := timetable.next_change(now + offset)) is not None
    ]
    for by_hand in manual:
        turns.append(by_hand.begin)
        turns += [] if by_hand.end is None else [by_hand.end, by_hand.end + TAIL_SEC]
    return min((turn for turn in turns if turn > now), default=None)


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
