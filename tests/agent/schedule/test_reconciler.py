"""What should run, and what changes: every case is the same question."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from agent.schedule.reconciler import (
    END_GRACE_SEC,
    LEAD_SEC,
    TAIL_SEC,
    Due,
    ManualRecording,
    changes,
    what_should_run,
)
from agent.schedule.timetable import Course, Timetable
from tests.agent.schedule.test_timetable import SHANGHAI, at

MONDAY_9 = at(SHANGHAI, "2026-11-23T09:00:00")


def lesson(course_id: int, start_sec: int, elapse_sec: int, camera_id: int = 1, week_id: int = 1) -> Course:
    return Course(course_id, camera_id, week_id, start_sec, elapse_sec)


NINE = lesson(1, 9 * 3600, 2700)


def test_a_due_lesson_connects_a_channel_that_is_off() -> None:
    desired = what_should_run({1: False}, Timetable([NINE], SHANGHAI), [], MONDAY_9, auto_dvr=False)[1]
    assert desired.connect
    assert [item.course_id for item in desired.due] == [1]
    assert not desired.reconnect


def test_an_unwanted_channel_is_connected_shortly_before_its_lesson() -> None:
    def ask(now: float) -> bool:
        return what_should_run({1: False}, Timetable([NINE], SHANGHAI), [], now, auto_dvr=True)[1].connect

    assert not ask(MONDAY_9 - LEAD_SEC - 1)
    assert ask(MONDAY_9 - LEAD_SEC + 1)
    assert ask(MONDAY_9 + 2699)
    assert ask(MONDAY_9 + 2700 + TAIL_SEC - 0.001), "its last packets are still on their way"
    assert not ask(MONDAY_9 + 2700 + TAIL_SEC)


def test_auto_dvr_reconnects_wanted_channels_only() -> None:
    wanted = what_should_run({1: True, 2: False}, Timetable([], SHANGHAI), [], MONDAY_9, auto_dvr=True)
    assert wanted[1].reconnect
    assert not wanted[2].reconnect


def test_courses_of_channels_that_are_gone_are_nobodys() -> None:
    assert what_should_run({2: True}, Timetable([NINE], SHANGHAI), [], MONDAY_9, auto_dvr=True)[2].due == ()


def test_touching_lessons_are_one_transition() -> None:
    ten = lesson(2, 9 * 3600 + 2700, 2700)
    now = MONDAY_9 + 2700
    before = what_should_run({1: True}, Timetable([NINE, ten], SHANGHAI), [], now - 0.001, auto_dvr=True)[1]
    after = what_should_run({1: True}, Timetable([NINE, ten], SHANGHAI), [], now, auto_dvr=True)[1]
    change = changes({item.key: item.end for item in before.due}, after.due, now)
    assert [item.course_id for item in change.begin] == [2]
    # The first one ends by itself with the last packet before its end.
    assert change.end == ()


def test_a_lesson_that_is_moved_while_it_runs_goes_on() -> None:
    now = MONDAY_9 + 600
    before = what_should_run({1: True}, Timetable([NINE], SHANGHAI), [], now, auto_dvr=True)[1]
    later = lesson(1, 9 * 3600 + 300, 3600)
    after = what_should_run({1: True}, Timetable([later], SHANGHAI), [], now, auto_dvr=True)[1]
    change = changes({item.key: item.end for item in before.due}, after.due, now)
    assert change.begin == ()
    assert change.end == ()
    assert [item.end for item in change.move] == [MONDAY_9 + 300 + 3600]


def test_a_lesson_that_is_deleted_or_moved_away_ends_at_once() -> None:
    now = MONDAY_9 + 600
    assert changes({"lesson:1:1:2026-11-23": MONDAY_9 + 2700}, (), now).end == ("lesson:1:1:2026-11-23",)


def test_a_recorder_that_lets_the_end_pass_is_told() -> None:
    running = {"lesson:1:1:2026-11-23": MONDAY_9}
    assert not changes(running, (), MONDAY_9)
    assert not changes(running, (), MONDAY_9 + END_GRACE_SEC - 0.001)
    assert changes(running, (), MONDAY_9 + END_GRACE_SEC).end


def test_a_recording_by_hand_stands_beside_a_lesson() -> None:
    by_hand = ManualRecording(1, MONDAY_9 - 60, None, "extra")
    due = what_should_run({1: True}, Timetable([NINE], SHANGHAI), [by_hand], MONDAY_9, auto_dvr=True)[1].due
    assert sorted(item.course_id for item in due) == [0, 1]


def test_a_recording_by_hand_ends_and_its_channel_shortly_after() -> None:
    by_hand = ManualRecording(1, MONDAY_9, MONDAY_9 + 60)

    def ask(now: float) -> tuple[bool, int]:
        desired = what_should_run({1: False}, Timetable([], SHANGHAI), [by_hand], now, auto_dvr=True)[1]
        return desired.connect, len(desired.due)

    assert ask(MONDAY_9 - 1) == (False, 0)
    assert ask(MONDAY_9 + 59) == (True, 1)
    assert ask(MONDAY_9 + 60) == (True, 0)
    assert ask(MONDAY_9 + 60 + TAIL_SEC) == (False, 0)
    over = what_should_run({1: False}, Timetable([], SHANGHAI), [by_hand], MONDAY_9 + 60, auto_dvr=True)[1]
    assert over.until == MONDAY_9 + 60 + TAIL_SEC


def test_overlapping_lessons_are_both_recorded() -> None:
    other = lesson(2, 9 * 3600 + 60, 2700)
    due = what_should_run({1: True}, Timetable([NINE, other], SHANGHAI), [], MONDAY_9 + 61, auto_dvr=True)[1].due
    assert [item.course_id for item in due] == [1, 2]


DUES = st.lists(
    st.builds(
        Due,
        key=st.sampled_from("abcdef"),
        camera_id=st.just(1),
        course_id=st.integers(0, 9),
        begin=st.just(0.0),
        end=st.none() | st.floats(1, 1000),
    ),
    unique_by=lambda item: item.key,
)
RUNNING = st.dictionaries(st.sampled_from("abcdef"), st.none() | st.floats(1, 1000))


@given(RUNNING, DUES, st.floats(0, 2000))
def test_changes_carried_out_leave_nothing_to_change(
    running: dict[str, float | None], due: list[Due], now: float
) -> None:
    change = changes(running, due, now)
    after = {key: end for key, end in running.items() if key not in change.end}
    after |= {item.key: item.end for item in (*change.begin, *change.move)}
    assert not changes(after, due, now)
    assert {item.key for item in due} <= after.keys()
    assert not {item.key for item in change.begin} & running.keys()


@given(
    st.lists(
        st.builds(
            Course,
            course_id=st.integers(1, 9),
            camera_id=st.integers(1, 2),
            week_id=st.integers(0, 6),
            start_sec=st.integers(0, 86_399),
            elapse_sec=st.integers(1, 20_000),
        ),
        max_size=6,
        unique_by=lambda item: item.course_id,
    ),
    st.floats(MONDAY_9, MONDAY_9 + 30 * 86_400),
    st.sampled_from([SHANGHAI, ZoneInfo("Europe/Berlin")]),
)
def test_the_answer_stays_the_same_for_as_long_as_it_says(courses: list[Course], now: float, zone: ZoneInfo) -> None:
    wanted = {1: True, 2: False}
    turn = min(one.until for one in what_should_run(wanted, Timetable(courses, zone), [], now, auto_dvr=True).values())
    if not courses:
        assert turn == math.inf
        return
    assert turn > now
    answers = [
        what_should_run(wanted, Timetable(courses, zone), [], moment, auto_dvr=True)
        for moment in (now, now + (turn - now) * 0.5, now + (turn - now) * 0.999)
    ]
    assert answers[0] == answers[1] == answers[2]
