"""The timetable: weekly courses and a zone give lessons. No I/O; instants are Unix seconds.

Rules (API document 3.27-3.29): `week_id` 0 is Sunday, only the time of day of `start_time` counts, `elapse_sec` is
elapsed time. A start that a DST change skips moves forward by the skipped hour, an ambiguous one is the first of the
two.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from agent.wire.models import WireCourse

_TIME_OF_DAY = re.compile(r"(?:.*[ T])?([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_WEEK = timedelta(days=8)
"""A week and a day: a local day that a zone leaves out has none of its lessons."""
_AHEAD = timedelta(days=13)
"""And up to a week more, by channel: not all of them are worked out anew on the same day."""


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
    start = _instant(day, course.start_sec, zone)
    return Lesson(course, day, start, start + course.elapse_sec)


@lru_cache(4096)
def _instant(day: date, start_sec: int, zone: tzinfo) -> float:
    # A school's lessons begin at a handful of times, the same in every room.
    # fold=0 is the rule in one word: PEP 495 reads a skipped time with the offset before the change, which moves it
    # forward, and an ambiguous one as the first.
    local = datetime.combine(day, time(), tzinfo=zone) + timedelta(seconds=start_sec)
    return local.replace(fold=0).timestamp()


@dataclass(frozen=True, slots=True)
class _Window:
    """Some days' lessons by start. Who asks for an instant of `[since, until)` finds all of its lessons here.

    Lessons are made when they are asked for: those of a school, kept, would be tens of thousands of objects that the
    garbage collector goes through, again and again, while nothing else runs.
    """

    since: float
    until: float
    starts: Sequence[float] = ()
    days: Sequence[date] = ()
    courses: Sequence[Course] = ()
    longest: float = 0.0

    def lessons(self, first: int, last: int) -> list[Lesson]:
        """Those of these places in `starts`."""
        return [
            Lesson(course, day, start, start + course.elapse_sec)
            for start, day, course in zip(
                self.starts[first:last], self.days[first:last], self.courses[first:last], strict=True
            )
        ]


class ChannelTimetable:
    """One channel's courses in a zone, as lessons.

    The days around now are worked out once; the same ones are asked for all the time. May be asked by any thread.
    """

    def __init__(self, courses: Iterable[Course], zone: tzinfo) -> None:
        self.courses = tuple(courses)
        self._zone = zone
        self._by_weekday: dict[int, list[tuple[int, Course]]] = {}
        for at, course in enumerate(self.courses):
            self._by_weekday.setdefault(course.week_id, []).append((at, course))
        self._longest = max((course.elapse_sec for course in self.courses), default=0)
        # A day more than the longest lesson, for one that a zone change moved over midnight.
        self._reach_back = timedelta(days=2 + self._longest // 86_400)
        self._window = _Window(0.0, 0.0) if self.courses else _Window(-math.inf, math.inf)

    def lessons_between(self, since: float, until: float) -> Sequence[Lesson]:
        """Every lesson that is on at some moment of `[since, until)`, by start."""
        window = self._around(since, until)
        first, last = bisect_left(window.starts, since - window.longest), bisect_left(window.starts, until)
        return [lesson for lesson in window.lessons(first, last) if lesson.end > since]

    def starting_between(self, since: float, until: float) -> Sequence[Lesson]:
        """Every lesson that begins in `[since, until)`, by start, worked out for the occasion: whoever asks what was a
        month ago leaves the days around now where they are.
        """
        first, last = (_local_day(instant, self._zone) for instant in (since, until))
        return [
            Lesson(self.courses[at], day, start, start + self.courses[at].elapse_sec)
            for start, _, at, day in self._found(first - timedelta(days=1), last)
            if since <= start < until
        ]

    def next_start(self, since: float) -> float:
        """When the next lesson begins, from `since` on; infinite where there is no course."""
        window = self._window
        at = bisect_left(window.starts, since)
        if since < window.since or at == len(window.starts) or window.starts[at] >= window.until:
            window = self._around(since, since + _WEEK.total_seconds())
            at = bisect_left(window.starts, since)
        return window.starts[at] if at < len(window.starts) else math.inf

    def upcoming(self, now: float, count: int) -> Sequence[Lesson]:
        """The next lessons that begin after `now`, by start; within the next week at most."""
        window = self._around(now, now + _WEEK.total_seconds())
        first = bisect_right(window.starts, now)
        last = bisect_left(window.starts, now + _WEEK.total_seconds(), first)
        return window.lessons(first, min(last, first + count))

    def _around(self, since: float, until: float) -> _Window:
        window = self._window
        if not (window.since <= since and until <= window.until):
            window = self._look(since, until)
            if until - since < 2 * _WEEK.total_seconds():
                self._window = window
        return window

    def _look(self, since: float, until: float) -> _Window:
        # A day more at each end: it is that day's midnight, wherever the zone puts it, that the window ends with.
        first = _local_day(since, self._zone) - timedelta(days=1) - self._reach_back
        ahead = _AHEAD + timedelta(days=self.courses[0].camera_id % 8)
        last = max(_local_day(until, self._zone) + timedelta(days=2), _local_day(since, self._zone) + ahead)
        found = self._found(first, last)
        return _Window(
            min(since, _instant(first + self._reach_back, 0, self._zone)),
            max(until, _instant(last - timedelta(days=1), 0, self._zone)),
            [start for start, _, _, _ in found],
            [day for _, _, _, day in found],
            [self.courses[at] for _, _, at, _ in found],
            self._longest,
        )

    def _found(self, first: date, last: date) -> list[tuple[float, int, int, date]]:
        """Start, course, its place in `courses` and the day, of every lesson of these days, in order."""
        return sorted(
            (_instant(day, course.start_sec, self._zone), course.course_id, at, day)
            for day in _days(first, last)
            for at, course in self._by_weekday.get((day.weekday() + 1) % 7, ())
        )


class Timetable:
    """All channels' courses in a zone, as lessons."""

    def __init__(self, courses: Iterable[Course], zone: tzinfo) -> None:
        by_channel: dict[int, list[Course]] = {}
        for course in courses:
            by_channel.setdefault(course.camera_id, []).append(course)
        self.zone = zone
        self.channels: Mapping[int, ChannelTimetable] = {
            camera_id: ChannelTimetable(some, zone) for camera_id, some in by_channel.items()
        }

    @classmethod
    def of(cls, channels: Mapping[int, ChannelTimetable], zone: tzinfo) -> Timetable:
        """Made of those of its channels, by camera id."""
        made = cls((), zone)
        made.channels = channels
        return made

    @property
    def courses(self) -> tuple[Course, ...]:
        """Those of all channels."""
        return tuple(course for channel in self.channels.values() for course in channel.courses)

    def lessons_between(self, since: float, until: float) -> list[Lesson]:
        """Every lesson that is on at some moment of `[since, until)`, by start."""
        found = (channel.lessons_between(since, until) for channel in self.channels.values())
        return sorted((lesson for lessons in found for lesson in lessons), key=_order)

    def starting_between(self, since: float, until: float) -> list[Lesson]:
        """Every lesson that begins in `[since, until)`, by start."""
        found = (channel.starting_between(since, until) for channel in self.channels.values())
        return sorted((lesson for lessons in found for lesson in lessons), key=_order)

    def lessons_on(self, now: float) -> list[Lesson]:
        """The lessons that are on now."""
        return [lesson for lesson in self.lessons_between(now, math.nextafter(now, math.inf)) if lesson.start <= now]

    def upcoming(self, now: float, count: int) -> list[Lesson]:
        """The next lessons that begin after `now`, by start; within the next week at most."""
        found = (channel.upcoming(now, count) for channel in self.channels.values())
        return sorted((lesson for lessons in found for lesson in lessons), key=_order)[:count]


def _local_day(instant: float, zone: tzinfo) -> date:
    return datetime.fromtimestamp(instant, UTC).astimezone(zone).date()


def _order(lesson: Lesson) -> tuple[float, int, int]:
    return lesson.start, lesson.course.camera_id, lesson.course.course_id


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)
