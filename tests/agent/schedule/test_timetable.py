"""Lessons from weekly courses: days, zones, DST, midnight."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.schedule.timetable import (
    BadCourse,
    Course,
    Timetable,
    course_from_wire,
    lesson_on,
)
from agent.wire.models import WireCourse

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # changes by half an hour
DAY = 86_400.0


def at(zone: ZoneInfo, text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def course(week_id: int, start: str, elapse_sec: int, course_id: int = 1, camera_id: int = 1) -> Course:
    return course_from_wire(
        WireCourse(course_id=course_id, week_id=week_id, start_time=start, elapse_sec=elapse_sec), camera_id
    )


def test_sunday_is_day_zero() -> None:
    sunday = course(0, "08:00:00", 2700)
    (lesson,) = Timetable([sunday], SHANGHAI).lessons_between(at(SHANGHAI, "2026-11-22"), at(SHANGHAI, "2026-11-29"))
    assert lesson.day == date(2026, 11, 22)
    assert lesson.start == at(SHANGHAI, "2026-11-22T08:00:00")
    assert lesson.end - lesson.start == 2700


@pytest.mark.parametrize("text", ["10:30:30", "2017-05-10 10:30:30", "2017-05-10T10:30:30", " 10:30:30 "])
def test_only_the_time_of_day_counts(text: str) -> None:
    assert course(3, text, 60).start_sec == 10 * 3600 + 30 * 60 + 30


@pytest.mark.parametrize("text", ["", "24:00:00", "10:60:00", "1510731053", "noon", "10:30:30 x"])
def test_a_start_that_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadCourse, match="course 1: start_time"):
        course(3, text, 60)


def test_a_length_of_nothing_is_refused() -> None:
    with pytest.raises(BadCourse, match="elapse_sec 0"):
        course(3, "10:00:00", 0)


def test_a_lesson_is_on_from_its_start_until_before_its_end() -> None:
    monday = course(1, "09:00:00", 600)
    start = at(SHANGHAI, "2026-11-23T09:00:00")
    assert not Timetable([monday], SHANGHAI).lessons_on(start - 0.001)
    assert Timetable([monday], SHANGHAI).lessons_on(start)
    assert Timetable([monday], SHANGHAI).lessons_on(start + 599.999)
    assert not Timetable([monday], SHANGHAI).lessons_on(start + 600)


@pytest.mark.parametrize(
    ("zone", "day", "start", "expected"),
    [
        (BERLIN, date(2026, 3, 29), "02:30:00", "2026-03-29T01:30:00"),  # skipped: 03:30 CEST
        (NEW_YORK, date(2026, 3, 8), "02:00:00", "2026-03-08T07:00:00"),  # skipped: 03:00 EDT
        (LORD_HOWE, date(2026, 10, 4), "02:15:00", "2026-10-03T15:45:00"),  # half an hour skipped: 02:45
        (BERLIN, date(2026, 10, 25), "02:30:00", "2026-10-25T00:30:00"),  # twice: the first, CEST
        (BERLIN, date(2026, 10, 25), "03:00:00", "2026-10-25T02:00:00"),
    ],
)
def test_starts_on_days_of_change(zone: ZoneInfo, day: date, start: str, expected: str) -> None:
    lesson = lesson_on(course(0, start, 3600), day, zone)
    assert datetime.fromtimestamp(lesson.start, UTC) == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert lesson.end - lesson.start == 3600


def test_a_lesson_over_midnight_is_still_on_the_next_day() -> None:
    late = course(6, "23:30:00", 7200)
    assert Timetable([late], SHANGHAI).lessons_on(at(SHANGHAI, "2026-11-29T01:29:59"))


COURSES = st.lists(
    st.builds(
        Course,
        course_id=st.integers(1, 50),
        camera_id=st.integers(1, 3),
        week_id=st.integers(0, 6),
        start_sec=st.integers(0, 86_399),
        elapse_sec=st.integers(1, 86_399),
    ),
    max_size=12,
)
ZONES = st.sampled_from([SHANGHAI, BERLIN, NEW_YORK, LORD_HOWE, ZoneInfo("Pacific/Apia"), ZoneInfo("UTC")])
INSTANTS = st.floats(at(SHANGHAI, "2026-01-01"), at(SHANGHAI, "2028-01-01"))


@given(COURSES, ZONES, INSTANTS, st.floats(0, 20 * DAY), st.floats(0, 20 * DAY))
def test_two_halves_of_a_time_hold_the_lessons_of_the_whole(
    courses: list[Course], zone: ZoneInfo, since: float, first: float, second: float
) -> None:
    middle, until = since + first, since + first + second
    whole = Timetable(courses, zone).lessons_between(since, until)
    halves = {lesson.key for lesson in Timetable(courses, zone).lessons_between(since, middle)}
    halves |= {lesson.key for lesson in Timetable(courses, zone).lessons_between(middle, until)}
    assert halves == {lesson.key for lesson in whole}
    assert [lesson.start for lesson in whole] == sorted(lesson.start for lesson in whole)


@given(COURSES, ZONES, INSTANTS)
def test_every_course_has_one_lesson_a_week(courses: list[Course], zone: ZoneInfo, now: float) -> None:
    first = datetime.fromtimestamp(now, zone).date()
    days = {first + timedelta(days=n) for n in range(7)}
    lessons = Timetable(courses, zone).lessons_between(now - 3 * DAY, now + 11 * DAY)
    for item in courses:
        found = [lesson for lesson in lessons if lesson.course is item and lesson.day in days]
        assert len(found) == 1
        assert found[0].end - found[0].start == item.elapse_sec


@given(COURSES, ZONES, INSTANTS)
def test_the_next_start_is_that_of_the_first_lesson_to_come(courses: list[Course], zone: ZoneInfo, now: float) -> None:
    timetable = Timetable(courses, zone)
    coming = [lesson.start for lesson in timetable.lessons_between(now, now + 9 * DAY) if lesson.start >= now]
    found = min((channel.next_start(now) for channel in timetable.channels.values()), default=math.inf)
    assert found == min(coming, default=math.inf)
