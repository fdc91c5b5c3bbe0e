"""A lesson in pieces: every second of it is in one piece, and what is missing is what the ledger says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.console.lessons import LessonState, LessonView
from agent.standalone.console.pages.day import page
from agent.standalone.console.pages.day.page import verdict
from agent.standalone.console.pages.day.parts import Part, coverage, hours, parts, share, window
from agent.standalone.console.pages.day.view import DayView, DrawnChannel, DrawnLesson
from agent.standalone.console.spans import Span, clipped, total
from agent.web.parts import GapView, percent
from agent.web.words import Words

LESSON = LessonView(
    gather_id=1,
    camera_id=1,
    course_id=1,
    slice_id=1,
    begin=1000.0,
    end=1100.0,
    gather="",
    camera="301",
    title="语文",
    teacher="",
    state="done",
)
MOMENTS = st.integers(900, 1200).map(float)
GAPS = st.lists(st.builds(GapView, MOMENTS, MOMENTS, st.sampled_from(["restart", "disk"])), max_size=5).map(tuple)
STATES: tuple[LessonState, ...] = ("upcoming", "on", "silent", "unheard", "closing", "done", "unreported")


@given(GAPS, MOMENTS, st.sampled_from(STATES), st.lists(st.builds(Span, MOMENTS, MOMENTS), max_size=4), st.booleans())
def test_every_second_is_in_one_part(
    gaps: tuple[GapView, ...], now: float, state: LessonState, stored: list[Span], is_open: bool
) -> None:
    lesson = replace(LESSON, gaps=gaps, state=state, end=None if is_open else 1100.0)
    found = parts(lesson, stored, now)
    end = max(now, 1000.0) if is_open else 1100.0
    assert all(one.until == two.since for one, two in pairwise(found))
    assert sum(part.until - part.since for part in found) == end - 1000.0
    if found:
        assert (found[0].since, found[-1].until) == (1000.0, end)
    assert not [part for part in found if part.kind == "coming" and part.since < now and state != "upcoming"]
    assert not [
        part for part in found if part.kind in ("recorded", "missing") and part.until > now and part.since > now
    ]


@given(GAPS, MOMENTS)
def test_what_is_missing_of_a_done_lesson_is_its_gaps(gaps: tuple[GapView, ...], now: float) -> None:
    found = parts(replace(LESSON, gaps=gaps), (), now)
    over = Span(1000.0, min(max(now, 1000.0), 1100.0))
    missing = total(part.span for part in found if part.kind == "missing")
    assert missing == total(clipped([Span(gap.since, gap.until) for gap in gaps], over))
    figure = coverage(found)
    if over.length <= 0:
        assert figure is None
    else:
        assert figure == pytest.approx(1 - missing / over.length)
        assert (figure == 1.0) == (missing == 0)


def kinds(found: tuple[Part, ...]) -> list[tuple[float, float, str, str]]:
    return [(part.since, part.until, part.kind, part.cause) for part in found]


def test_where_only_sound_is_missing_the_picture_is_there() -> None:
    lesson = replace(LESSON, gaps=(GapView(1010, 1030, "sound_lost"), GapView(1020, 1025, "packet_loss")))
    assert kinds(parts(lesson, (), 1100)) == [
        (1000, 1020, "recorded", ""),
        (1020, 1025, "missing", "packet_loss"),
        (1025, 1100, "recorded", ""),
    ]


def test_who_should_record_and_does_not_has_only_what_is_here() -> None:
    silent = replace(LESSON, state="silent")
    assert kinds(parts(silent, [Span(990, 1020)], 1060)) == [
        (1000, 1020, "recorded", ""),
        (1020, 1060, "missing", "silent"),
        (1060, 1100, "coming", ""),
    ]


def test_of_an_agent_that_is_not_heard_nothing_is_said_but_what_is_here() -> None:
    unheard = replace(LESSON, state="unheard", gaps=(GapView(1005, 1010, "disk"),))
    assert kinds(parts(unheard, [Span(1000, 1030)], 1200)) == [
        (1000, 1005, "recorded", ""),
        (1005, 1010, "missing", "disk"),
        (1010, 1030, "recorded", ""),
        (1030, 1100, "unknown", "agent_offline"),
    ]


def test_a_share_is_whole_only_where_nothing_is_missing() -> None:
    assert share(0, 0) is None
    assert share(5, 0) == 1.0
    assert percent(share(1e9, 1e-9) or 0) == "99.9 %"


@given(st.lists(st.builds(lambda at, length: Span(at, at + length), MOMENTS, st.integers(1, 90_000)), max_size=4))
def test_the_window_has_whole_hours_and_everything_of_the_day_in_it(spans: list[Span]) -> None:
    day = Span(-50_000.0, 36_400.0)
    least = Span(-10_000.0, 10_000.0)
    drawn = window(spans, day, least=least)
    assert (drawn.since - day.since) % 3600 == 0
    assert (drawn.until - day.since) % 3600 == 0 or drawn.until == day.until
    assert day.since <= drawn.since <= least.since and least.until <= drawn.until <= day.until
    assert clipped(spans, day) == clipped(spans, drawn)
    marks = hours(drawn)
    assert marks[0] == drawn.since and marks[-1] <= drawn.until and 2 <= len(marks) <= 13


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("done", "done"), "2 lessons recorded whole: nothing is missing."),
        (("done", "on"), "Nothing is missing so far: 2 lessons, 1 of them still on."),
        (("on",), "Nothing is missing so far: 1 lesson, 1 of them still on."),
    ],
)
def test_what_is_still_on_is_not_called_whole(states: tuple[LessonState, ...], said: str) -> None:
    drawn = tuple(
        DrawnLesson(replace(LESSON, state=state), (Part(1000.0, 1050.0, "recorded"), Part(1050.0, 1100.0, "coming")))
        for state in states
    )
    channel = DrawnChannel(1, "301", "", drawn, coverage=1.0, missing_sec=0.0, unknown_sec=0.0)
    day = DayView(date(1970, 1, 1), 1050.0, Span(0.0, 86_400.0), (channel,), 1.0, missing_sec=0.0, unknown_sec=0.0)
    assert said in str(verdict(day, Words("en", page.WORDS)))
