"""The plan that is kept against the one that is made anew each time."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.schedule.plan import Plan, Standing
from agent.schedule.reconciler import ManualRecording, what_should_run
from agent.schedule.timetable import ChannelTimetable, Course, Timetable
from tests.agent.schedule.test_timetable import at

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = at(BERLIN, "2026-03-30")
"""The day after the change to summer time."""
COURSES = st.lists(
    st.builds(
        Course,
        course_id=st.integers(1, 50),
        camera_id=st.just(1),
        week_id=st.integers(0, 6),
        start_sec=st.integers(0, 86_399),
        elapse_sec=st.integers(1, 20_000),
    ),
    max_size=4,
    unique_by=lambda course: course.course_id,
)


def with_courses(standing: Standing, camera_id: int, courses: list[Course]) -> Standing:
    own = ChannelTimetable((replace(course, camera_id=camera_id) for course in courses), BERLIN)
    return replace(standing, timetable=Timetable.of({**standing.timetable.channels, camera_id: own}, BERLIN))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("on"), st.integers(1, 3), st.floats(0, 90_000)),
        st.tuples(st.just("back"), st.integers(1, 3), st.floats(0, 9_000)),
        st.tuples(st.just("want"), st.integers(1, 4), st.booleans()),
        st.tuples(st.just("gone"), st.integers(1, 4), st.none()),
        st.tuples(st.just("auto_dvr"), st.integers(1, 3), st.booleans()),
        st.tuples(st.just("by hand"), st.integers(1, 4), st.none() | st.floats(0, 5_000)),
        st.tuples(st.just("no hand"), st.integers(1, 3), st.none()),
        st.tuples(st.just("courses"), st.integers(1, 4), COURSES),
    ),
    max_size=25,
)


@settings(max_examples=200)
@given(STEPS)
def test_however_it_came_about_it_is_the_plan_that_would_be_made_now(steps: list[tuple[str, int, object]]) -> None:
    plan, now = Plan(), MONDAY - 86_400.0
    standing = Standing({1: True, 2: False, 3: True}, Timetable((), BERLIN), (), auto_dvr=True)
    for what, camera_id, value in steps:
        match what, value:
            case "on", float():
                now += value
            case "back", float():
                now -= value
            case "want", bool():
                standing = replace(standing, wanted={**standing.wanted, camera_id: value})
            case "gone", _:
                stay = {one: wanted for one, wanted in standing.wanted.items() if one != camera_id}
                standing = replace(standing, wanted=stay)
            case "auto_dvr", bool():
                standing = replace(standing, auto_dvr=value)
            case "by hand", _:
                assert value is None or isinstance(value, float)
                end = None if value is None else now + value
                standing = replace(standing, manual=(*standing.manual, ManualRecording(camera_id, now, end)))
            case "no hand", _:
                standing = replace(standing, manual=())
            case _, list():
                standing = with_courses(standing, camera_id, value)
        before, moved = dict(plan.desired), plan.look(standing, now)
        anew = what_should_run(standing.wanted, standing.timetable, standing.manual, now, auto_dvr=standing.auto_dvr)
        assert plan.desired == anew
        assert plan.next_edge == min((one.until for one in anew.values()), default=float("inf"))
        assert {camera_id for camera_id, one in anew.items() if before.get(camera_id) != one} <= set(moved)


def test_nothing_is_asked_twice_before_something_is_due_to_happen() -> None:
    nine = Course(1, 1, 1, 9 * 3600, 2700)
    standing = with_courses(Standing({1: True, 2: True}, Timetable((), BERLIN), (), auto_dvr=True), 1, [nine])
    plan = Plan()
    assert set(plan.look(standing, MONDAY)) == {1, 2}
    assert plan.next_edge == MONDAY + 9 * 3600 - 30.0
    assert not plan.look(standing, plan.next_edge - 0.001)
    assert set(plan.look(standing, plan.next_edge)) == {1}
    assert set(plan.look(replace(standing, wanted={1: True, 2: False}), MONDAY + 9 * 3600 - 1)) == {2}
