"""The timetable: weekly courses and a zone give lessons. No I/O; instants are Unix seconds.

Rules (API document 3.27-3.29): `week_id` 0 is Sunday, only the time of day of `start_time` counts, `elapse_sec` is
elapsed time. A start that a DST change skips moves forward by the skipped hour, an ambiguous one is the first of the
two.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from agent.wire.models import WireCourse

_TIME_OF_DAY = re.compile(r"(?:.*[ T])?([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_A_WEEK = timedelta(days=8)
"""A week and a day: a local day that a zone leaves out has none of its lessons."""
_DAYS_KEPT = 60


class BadCourse(ValueError):
    """A course that no lesson can be made of; the message names the field."""


@dataclass(frozen=True, slots=True)
class Course:
    """A weekly course of one channel; `start_sec` is the second of the local day."""

    course_id: int
    camera_id: int
    week_id: int
    start_sec: int
    elapse_sec: int
    subject_id: int = 0
    teacher_id: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One occurrence of a course: `[start, end)`."""

    course: Course
    day: date
    start: float
    end: float

    @property
    def key(self) -> str:
        """What stays the same while a running lesson is moved, lengthened or shortened."""
        return f"lesson:{self.course.camera_id}:{self.course.course_id}:{self.day.isoformat()}"


def course_from_wire(wire: WireCourse, camera_id: int) -> Course:
    """The course a message speaks of; `camera_id` is the channel it stands under. Raises `BadCourse`."""
    match = _TIME_OF_DAY.fullmatch(wire.start_time.strip())
    if match is None:
        raise BadCourse(f"course {wire.course_id}: start_time {wire.start_time!r} is not HH:MM:SS")
    if wire.elapse_sec <= 0:
        raise BadCourse(f"course {wire.course_id}: elapse_sec {wire.elapse_sec} is not a length")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return Course(
        course_id=wire.course_id,
        camera_id=camera_id,
        week_id=wire.week_id,
        start_sec=hours * 3600 + minutes * 60 + seconds,
        elapse_sec=wire.elapse_sec,
        subject_id=wire.subject_id,
        teacher_id=wire.teacher_id,
        title=wire.title,
    )


def lesson_on(course: Course, day: date, zone: tzinfo) -> Lesson:
    """The lesson that this course gives on a local day (whose weekday the caller has checked)."""
    return _lesson(course, day, _instant(day, course.start_sec, zone))


def _lesson(course: Course, day: date, start: float) -> Lesson:
    return Lesson(course, day, start, start + course.elapse_sec)


def _instant(day: date, start_sec: int, zone: tzinfo) -> float:
    # fold=0 is the rule in one word: PEP 495 reads a skipped time with the offset before the change, which moves it
    # forward, and an ambiguous one as the first.
    local = datetime.combine(day, time(), tzinfo=zone) + timedelta(seconds=start_sec)
    return local.replace(fold=0).timestamp()


class _Day:
    """What one local day brings, by start."""

    __slots__ = ("ends", "lessons", "longest", "starts")

    def __init__(self, lessons: Iterable[Lesson]) -> None:
        self.lessons = sorted(lessons, key=_order)
        self.starts = [lesson.start for lesson in self.lessons]
        self.ends = sorted(lesson.end for lesson in self.lessons)
        self.longest = max((lesson.course.elapse_sec for lesson in self.lessons), default=0)

    def between(self, since: float, until: float) -> Iterator[Lesson]:
        """The lessons that are on at some moment of `[since, until)`."""
        first, last = bisect_left(self.starts, since - self.longest), bisect_left(self.starts, until)
        return (lesson for lesson in self.lessons[first:last] if lesson.end > since)

    def edge_after(self, now: float) -> float:
        """The first start or end after `now`; infinite when there is none."""
        found = ((edges, bisect_right(edges, now)) for edges in (self.starts, self.ends))
        return min((edges[at] for edges, at in found if at < len(edges)), default=math.inf)


class Timetable:
    """Courses in a zone, as lessons. What a day brings is worked out once; the same days are asked for all the time."""

    def __init__(self, courses: Iterable[Course], zone: tzinfo) -> None:
        self.courses = tuple(courses)
        self.zone = zone
        self._by_weekday: dict[int, list[Course]] = {}
        for course in self.courses:
            self._by_weekday.setdefault(course.week_id, []).append(course)
        longest = max((course.elapse_sec for course in self.courses), default=0)
        # A day more than the longest lesson, for one that a zone change moved over midnight.
        self._reach_back = timedelta(days=2 + longest // 86_400)
        self._days: dict[date, _Day] = {}

    def lessons_between(self, since: float, until: float) -> list[Lesson]:
        """Every lesson that is on at some moment of `[since, until)`, by start."""
        days = _days(self._local_day(since) - self._reach_back, self._local_day(until) + timedelta(days=1))
        return sorted((lesson for day in days for lesson in self._day(day).between(since, until)), key=_order)

    def lessons_on(self, now: float) -> list[Lesson]:
        """The lessons that are on now."""
        # The smallest step above now that a double holds at this size is about 0.2 us; a microsecond is above it.
        return [lesson for lesson in self.lessons_between(now, now + 1e-6) if lesson.start <= now < lesson.end]

    def upcoming(self, now: float, count: int) -> list[Lesson]:
        """The next lessons that begin after `now`, by start; within the next week at most."""
        found: list[Lesson] = []
        today = self._local_day(now)
        for day in _days(today - self._reach_back, today + _A_WEEK):
            if len(found) >= count and self._local_day(found[count - 1].start) < day:
                break
            lessons = self._day(day)
            first = bisect_right(lessons.starts, now)
            found = sorted([*found, *lessons.lessons[first : first + count]], key=_order)
        return found[:count]

    def next_change(self, now: float) -> float | None:
        """The next instant after `now` at which a lesson begins or ends; None when no course is left."""
        first, today = math.inf, self._local_day(now)
        for day in _days(today - self._reach_back, today + _A_WEEK):
            # No lesson begins before its own day does.
            if first < math.inf and self._local_day(first) < day:
                break
            first = min(first, self._day(day).edge_after(now))
        return first if first < math.inf else None

    def _day(self, day: date) -> _Day:
        if day not in self._days:
            if len(self._days) > _DAYS_KEPT:
                self._days.clear()
            courses = self._by_weekday.get((day.weekday() + 1) % 7, ())
            # A school's lessons begin at a handful of times.
            starts = {start_sec: _instant(day, start_sec, self.zone) for start_sec in {c.start_sec for c in courses}}
            self._days[day] = _Day(_lesson(course, day, starts[course.start_sec]) for course in courses)
        return self._days[day]

    def _local_day(self, instant: float) -> date:
        return datetime.fromtimestamp(instant, UTC).astimezone(self.zone).date()


def _order(lesson: Lesson) -> tuple[float, int, int]:
    return lesson.start, lesson.course.camera_id, lesson.course.course_id


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)
