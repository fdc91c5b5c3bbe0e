"""The timetable and the plan held against slow, plain statements of the same rules, in every zone there is."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agent.schedule.reconciler import (
    END_GRACE_SEC,
    LEAD_SEC,
    TAIL_SEC,
    Desired,
    ManualRecording,
    changes,
    what_should_run,
)
from agent.schedule.timetable import Course, Timetable, lesson_on

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = st.sampled_from(sorted(zoneinfo.available_timezones())).map(ZoneInfo)
CHANGING = st.sampled_from(
    [
        "Europe/Berlin",
        "America/New_York",
        "America/Havana",  # falls back to midnight
        "Africa/Cairo",  # springs forward at midnight
        "Asia/Beirut",
        "America/Santiago",  # falls back over midnight, into the day before
        "Australia/Lord_Howe",  # half an hour
        "Africa/Casablanca",  # off for Ramadan
        "Pacific/Apia",  # has no 30 December 2011
        "Antarctica/Troll",  # two hours
    ]
).map(ZoneInfo)
DATES = st.dates(date(2011, 1, 1), date(2037, 12, 31))


def utc_offset(instant: float, zone: ZoneInfo) -> int:
    local = (EPOCH + timedelta(seconds=instant)).astimezone(zone).replace(tzinfo=UTC)
    return round((local - EPOCH).total_seconds() - instant)


def start_by_rule(course: Course, day: date, zone: ZoneInfo) -> float:
    """The first instant whose local time is the wanted one; where there is none, later by what was left out."""
    wanted = int((datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH).total_seconds()) + course.start_sec
    offsets = {utc_offset(wanted + hours * 3600, zone) for hours in range(-30, 31)}
    instants = [wanted - offset for offset in offsets if utc_offset(wanted - offset, zone) == offset]
    if instants:
        return float(min(instants))
    # Left out: the clock jumped over it. Its first instant after the jump plus how far into the hole it was.
    low, high = wanted - 30 * 3600, wanted + 30 * 3600
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle + utc_offset(middle, zone) < wanted else (low, middle)
    return float(high + wanted - (high - 1 + utc_offset(high - 1, zone) + 1))


def all_lessons(courses: list[Course], zone: ZoneInfo, now: float, days: int = 6) -> list[tuple[Course, float, float]]:
    today = (EPOCH + timedelta(seconds=now)).astimezone(zone).date()
    found = []
    for course in courses:
        for day in (today + n * DAY for n in range(-days, days + 1)):
            if day.isoweekday() % 7 == course.week_id:
                start = start_by_rule(course, day, zone)
                found.append((course, start, start + course.elapse_sec))
    return found


def plan_by_rule(
    wanted: dict[int, bool],
    courses: list[Course],
    manual: list[ManualRecording],
    now: float,
    zone: ZoneInfo,
    *,
    auto_dvr: bool,
) -> dict[int, tuple[bool, bool, set[tuple[int, float, float | None]]]]:
    """Channel → connected, reconnecting, recordings as (course, begin, end)."""
    plan = {}
    lessons = all_lessons(courses, zone, now)
    for camera_id, is_wanted in wanted.items():
        mine = [(c.course_id, start, end) for c, start, end in lessons if c.camera_id == camera_id]
        by_hand = [(0, m.begin, m.end) for m in manual if m.camera_id == camera_id]
        due = {(c, s, e) for c, s, e in (*mine, *by_hand) if s <= now and (e is None or now < e)}
        near = any(s <= now + LEAD_SEC and now - TAIL_SEC < e for _, s, e in mine) or any(
            s <= now and (e is None or now < e + TAIL_SEC) for _, s, e in by_hand
        )
        plan[camera_id] = (is_wanted or near, is_wanted and auto_dvr, due)
    return plan


@st.composite
def courses_around(draw: st.DrawFn, zone: ZoneInfo, day: date) -> list[Course]:
    """Touching, overlapping, short, night and day-long lessons of three channels."""
    starts = st.integers(0, 86_399) | st.sampled_from([0, 60, 5400, 7200, 8100, 9000, 10_800, 86_340, 86_399])
    lengths = st.integers(1, 86_399) | st.sampled_from([1, 20, 2700, 2700, 3600, 86_399])
    found: list[Course] = []
    for course_id in range(1, draw(st.integers(1, 7)) + 1):
        week_id = draw(
            st.sampled_from([day.isoweekday() % 7, (day + DAY).isoweekday() % 7, (day - DAY).isoweekday() % 7])
        )
        start, length = draw(starts), draw(lengths)
        hands_over: bool = draw(st.booleans())
        if found and hands_over:  # from the one before
            before = found[-1]
            week_id, start = before.week_id, (before.start_sec + before.elapse_sec) % 86_400
        found.append(Course(course_id, draw(st.integers(1, 3)), week_id, start, length))
    return found


@st.composite
def situations(draw: st.DrawFn) -> tuple[ZoneInfo, list[Course], float]:
    """A zone, courses, and a moment near an edge of theirs, with days of change well represented."""
    zone = draw(ZONES | CHANGING)
    day = draw(DATES)
    if draw(st.booleans()):
        day = next((d for d in (day + n * DAY for n in range(366)) if _changes(zone, d)), day)
    courses = draw(courses_around(zone, day))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()
    edges = [edge for _, start, end in all_lessons(courses, zone, noon, 3) for edge in (start, end)]
    near = st.sampled_from([0.0, -0.001, 0.001, -LEAD_SEC, TAIL_SEC, 1.0, -1.0]) | st.floats(-100, 100)
    now = draw(st.sampled_from(edges)) + draw(near) if edges else noon + draw(st.floats(-40_000, 40_000))
    return zone, courses, now


def _changes(zone: ZoneInfo, day: date) -> bool:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return utc_offset(midnight, zone) != utc_offset(midnight + 86_400, zone)


@given(ZONES | CHANGING, DATES, st.integers(0, 86_399))
@example(ZoneInfo("Pacific/Apia"), date(2011, 12, 30), 8 * 3600)
@example(ZoneInfo("Africa/Cairo"), date(2026, 4, 24), 600)
@example(ZoneInfo("America/Havana"), date(2026, 11, 1), 600)
@example(ZoneInfo("Antarctica/Troll"), date(2026, 3, 29), 2 * 3600)
def test_a_start_is_where_the_rule_puts_it_in_every_zone(zone: ZoneInfo, day: date, start_sec: int) -> None:
    lesson = lesson_on(Course(1, 1, day.isoweekday() % 7, start_sec, 2700), day, zone)
    assert lesson.start == start_by_rule(lesson.course, day, zone)
    assert lesson.end - lesson.start == 2700


@given(situations(), st.floats(0, 90_000))
def test_the_lessons_of_a_time_are_those_that_a_search_finds(
    situation: tuple[ZoneInfo, list[Course], float], length: float
) -> None:
    zone, courses, now = situation
    since, until = now - length / 2, now + length / 2
    expected = sorted(
        (c.course_id, start) for c, start, end in all_lessons(courses, zone, now) if start < until and end > since
    )
    found = Timetable(courses, zone).lessons_between(since, until)
    assert sorted((lesson.course.course_id, lesson.start) for lesson in found) == expected


@given(situations(), st.integers(1, 6))
def test_the_next_lessons_are_those_that_a_search_finds(
    situation: tuple[ZoneInfo, list[Course], float], count: int
) -> None:
    zone, courses, now = situation
    coming = sorted(start for _, start, _ in all_lessons(courses, zone, now, 9) if start > now)
    found = Timetable(courses, zone).upcoming(now, count)
    assert [lesson.start for lesson in found] == coming[: len(found)]
    assert len(found) >= min(count, len(courses))


MANUAL = st.lists(st.tuples(st.integers(1, 3), st.floats(-4000, 100), st.none() | st.floats(-100, 4000)), max_size=3)


def by_hand(entries: list[tuple[int, float, float | None]], now: float) -> list[ManualRecording]:
    return [
        ManualRecording(camera_id, now + begin, None if end is None else max(now + begin, now + end) + 0.5)
        for camera_id, begin, end in entries
    ]


@given(situations(), MANUAL, st.fixed_dictionaries({1: st.booleans(), 2: st.booleans()}), st.booleans())
def test_what_should_run_is_what_the_rules_say(
    situation: tuple[ZoneInfo, list[Course], float],
    entries: list[tuple[int, float, float | None]],
    wanted: dict[int, bool],
    auto_dvr: bool,
) -> None:
    zone, courses, now = situation
    manual = by_hand(entries, now)
    desired = what_should_run(wanted, Timetable(courses, zone), manual, now, auto_dvr=auto_dvr)
    found = {
        camera_id: (one.connect, one.reconnect, {(due.course_id, due.begin, due.end) for due in one.due})
        for camera_id, one in desired.items()
    }
    assert found == plan_by_rule(wanted, courses, manual, now, zone, auto_dvr=auto_dvr)
    for one in desired.values():
        assert one.connect or not one.due, "a due recording connects its channel, whatever its owner wants"


@given(situations(), MANUAL)
def test_no_turn_is_missed_and_none_is_for_nothing(
    situation: tuple[ZoneInfo, list[Course], float], entries: list[tuple[int, float, float | None]]
) -> None:
    zone, courses, now = situation
    manual, wanted = by_hand(entries, now), {1: True, 2: False, 3: False}
    timetable = Timetable(courses, zone)

    def answer(instant: float) -> dict[int, Desired]:
        return what_should_run(wanted, timetable, manual, instant, auto_dvr=True)

    turn = min(one.until for one in answer(now).values())
    assert now < turn < now + 9 * 86_400, "there is a course, so something is always coming"
    edges = [
        edge + offset
        for _, start, end in all_lessons(courses, zone, now, 9)
        for edge in (start, end)
        for offset in (0.0, -LEAD_SEC, TAIL_SEC)
    ]
    between = sorted({now, turn, *(edge for edge in edges if now < edge < turn)})
    moments = [(a + b) / 2 for a, b in pairwise(between)]
    assume(all(now < moment < turn for moment in moments))
    assert all(answer(moment) == answer(now) for moment in moments)


@settings(max_examples=60)
@given(situations(), st.lists(st.tuples(st.sampled_from("mlsdac"), st.integers(0, 6), st.floats(1, 5000)), max_size=12))
def test_edits_and_set_clocks_lead_to_what_a_fresh_start_would_do(
    situation: tuple[ZoneInfo, list[Course], float], steps: list[tuple[str, int, float]]
) -> None:
    """However a channel came to where it is (edits, clocks set forward and back, late turns): it records what an agent
    that starts now would record, and what is no longer due is at its end.
    """
    zone, courses, now = situation
    running: dict[str, float | None] = {}
    for what, index, amount in steps:
        at = index % len(courses) if courses else 0
        if what == "c":
            now += amount if index % 2 else -amount
        elif what == "a" or not courses:
            courses = [*courses, Course(100 + len(courses), 1, index % 7, int(amount) * 17 % 86_400, 1 + int(amount))]
        elif what == "d":
            courses = [*courses[:at], *courses[at + 1 :]]
        else:
            old = courses[at]
            start, length = old.start_sec, old.elapse_sec
            start = (start + int(amount)) % 86_400 if what == "m" else start
            length = {"l": min(86_399, length + int(amount)), "s": max(1, length - int(amount))}.get(what, length)
            courses = [
                *courses[:at],
                Course(old.course_id, old.camera_id, old.week_id, start, length),
                *courses[at + 1 :],
            ]
        plan = what_should_run({1: True, 2: False, 3: False}, Timetable(courses, zone), [], now, auto_dvr=False)
        due = {item.key: item for one in plan.values() for item in one.due}
        change = changes(running, due.values(), now)
        for item in (*change.begin, *change.move):
            running[item.key] = item.end
        for key in change.end:
            del running[key]
        assert {key: running[key] for key in due} == {key: item.end for key, item in due.items()}
        for key in running.keys() - due.keys():
            end = running[key]
            assert end is not None and end <= now < end + END_GRACE_SEC, "only what ends by itself right now goes on"
