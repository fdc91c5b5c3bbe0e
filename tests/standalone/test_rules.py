"""The parts without I/O: parameters of both URL forms, times of day, overlap, the demonstration's plan."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote, unquote, urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.api.envelope import ApiError, Err
from agent.standalone.api.params import Kind, Param, Params, from_url
from agent.standalone.clocktime import (
    DAY_SECONDS,
    Span,
    clock_seconds,
    clock_text,
    crosses_midnight,
    first_overlap,
    length_text,
    moment,
    week_id,
)
from agent.standalone.demo import LEAD_SECONDS, LEAST_SECONDS, Week, plan_lessons
from agent.standalone.downloads import attachment, file_name

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=20)
SPANS = st.builds(
    lambda start, length: Span(start, min(length, DAY_SECONDS - 1 - start)),
    st.integers(0, DAY_SECONDS - 2),
    st.integers(1, DAY_SECONDS),
)


@given(st.dictionaries(NAMES, TEXTS, max_size=6))
def test_both_forms_say_the_same(given: dict[str, str]) -> None:
    path = "/".join(f"{name}/{quote(value, safe='')}" for name, value in given.items())
    assert from_url(path, "") == given
    assert from_url("", urlencode(given)) == given
    assert from_url(path, urlencode(given)) == given


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_url_is_too_strange(path: str, query: str) -> None:
    found = from_url(path, query)
    assert all("\0" not in value for value in found.values())


def test_forms_in_detail() -> None:
    assert from_url("a/1/b", "") == {"a": "1"}
    assert from_url("a//b/2", "") == {"a": "", "b": "2"}
    assert from_url("a/1/a/2", "") == {"a": "2"}
    assert from_url("a/x+y%2Fz", "b=x+y%2Fz") == {"a": "x+y/z", "b": "x y/z"}
    assert from_url("a/1", "a=2") == {"a": "2"}
    assert from_url("a/%ff", "") == {"a": "\ufffd"}


@given(TEXTS)
def test_numbers_and_ids(text: str) -> None:
    params = Params({"x": text})
    assert isinstance(params.number("x", 7), int)
    for kind in (Kind.NUMBER, Kind.ID, Kind.IDS):
        try:
            params.check([Param("x", kind)])
        except ApiError as error:
            assert error.code is Err.NO_ID
            continue
        if params.has("x"):
            assert all(
                0 <= number < 10**18 for number in (params.ids("x") if kind is Kind.IDS else [abs(params.number("x"))])
            )


def test_missing_comes_before_bad() -> None:
    declared = [Param("a", Kind.ID, missing=Err.NO_ID), Param("b", missing=Err.NO_NAME)]
    with pytest.raises(ApiError) as error:
        Params({"a": "x"}).check(declared)
    assert error.value.code is Err.NO_NAME
    assert Params({"x": " 3, 1,3 ,2"}).ids("x") == [3, 1, 2]


@given(st.integers(0, DAY_SECONDS - 1))
def test_clock_there_and_back(seconds: int) -> None:
    assert clock_seconds(clock_text(seconds)) == seconds


@given(st.text("0123456789:. ٣-", max_size=10))
def test_what_is_no_clock(text: str) -> None:
    seconds = clock_seconds(text)
    assert seconds is None or clock_text(seconds) == text


@given(SPANS, SPANS)
def test_overlap_means_a_common_second(one: Span, other: Span) -> None:
    common = range(max(one.start, other.start), min(one.end, other.end))
    assert one.overlaps(other) == other.overlaps(one) == (len(common) > 0)
    assert (first_overlap(one, [other]) is None) == (len(common) == 0)


@given(st.integers(0, DAY_SECONDS - 1), st.integers(1, 2 * DAY_SECONDS))
def test_the_last_second_of_a_day_belongs_to_no_course(start: int, length: int) -> None:
    assert crosses_midnight(Span(start, length)) == (start + length > 23 * 3600 + 59 * 60 + 59)


@pytest.mark.parametrize(("day", "expected"), [(22, 0), (23, 1), (28, 6), (29, 0)])
def test_weekdays_begin_with_sunday(day: int, expected: int) -> None:
    assert week_id(datetime(2026, 11, day)) == expected  # noqa: DTZ001 - a local date


def test_moments() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    assert moment("2026-11-24 10:00:00", zone) == datetime(2026, 11, 24, 10, tzinfo=zone).timestamp()
    assert moment("2026-11-24", zone) == datetime(2026, 11, 24, tzinfo=zone).timestamp()
    assert moment("1795485600", zone) == 1795485600.0
    assert moment("yesterday", zone) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (59.6, "01:00"), (3599.4, "59:59"), (3600, "01:00:00"), (90061, "25:01:01")]
)
def test_lengths(seconds: float, text: str) -> None:
    assert length_text(seconds) == text


@given(TEXTS, TEXTS, st.integers(0, 99))
def test_a_file_name_fits_every_file_system(room: str, subject: str, slice_inx: int) -> None:
    name = file_name(room, subject, datetime(2026, 11, 24, 10, 5), slice_inx)  # noqa: DTZ001 - a local time
    assert name.endswith(".mp4") and "2026-11-24 10-05" in name and not name.startswith((" ", "."))
    assert len(name.encode()) < 255 and set(name).isdisjoint('\\/:*?"<>|\n\0')
    header = attachment(name)
    assert header.isascii() and header.isprintable() and unquote(header.partition("UTF-8''")[2]) == name


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    """A week of courses that do not overlap."""
    week: Week = {}
    course_id = 0
    for day in range(7):
        cuts = sorted(draw(st.sets(st.integers(0, DAY_SECONDS - 1), max_size=6)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False):
            course_id += 1
            week.setdefault(day, {})[course_id] = Span(start, end - start)
    return week


@given(weeks(), st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001 - local times
def test_the_demonstration_has_a_lesson_now_and_no_overlap(week: Week, now: datetime) -> None:
    plan = plan_lessons(week, now)
    begins = [lesson.day + timedelta(seconds=lesson.span.start) for lesson in plan]
    ends = [lesson.day + timedelta(seconds=lesson.span.end) for lesson in plan]
    assert begins[0] <= now + timedelta(seconds=LEAD_SECONDS + 1)
    assert ends[-1] >= now + timedelta(seconds=LEAST_SECONDS - 1)
    for end, begin in zip(ends, begins[1:], strict=False):
        assert begin == end or (begin - end == timedelta(seconds=1) and begin.hour == begin.minute == begin.second == 0)
    after: Week = {day: dict(courses) for day, courses in week.items()}
    for number, lesson in enumerate(plan):
        if lesson.course_id is None:
            assert lesson.span.length > 0 and not crosses_midnight(lesson.span)
            courses = after.setdefault(week_id(lesson.day), {})
            assert first_overlap(lesson.span, courses.values()) is None
            courses[1000 + number] = lesson.span
    assert all(lesson.course_id is not None for lesson in plan_lessons(after, now)), (
        "a second run finds what the first made"
    )
