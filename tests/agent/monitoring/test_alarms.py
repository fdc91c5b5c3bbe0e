"""What should be recorded and is not: raised in time, told once, and over when media grows again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.alarms import NOT_RECORDING, SILENT_SEC, Alarm, AlarmChange, Alarms, DueNow

LOOK_SEC = 0.5
WALL = 1_800_000_000.0


@dataclass
class Story:
    """Looks at regular times; what was told."""

    alarms: Alarms = field(default_factory=Alarms)
    told: list[AlarmChange] = field(default_factory=list)
    now: float = 100.0

    def look(self, *due: DueNow, times: int = 1) -> list[AlarmChange]:
        new = []
        for _ in range(times):
            self.now += LOOK_SEC
            new += self.alarms.look(due, self.now, WALL + self.now)
        self.told += new
        return new


def due(recorded_sec: float | None, key: str = "lesson", why: str = "") -> DueNow:
    return DueNow(key, 7, "Mathematics", recorded_sec, why)


def test_a_recording_that_grows_is_no_alarm() -> None:
    story = Story()
    for second in range(100):
        story.look(due(second / 2 + 0.5))
    assert story.told == []


def test_what_stops_growing_is_told_once_and_since_when() -> None:
    story = Story()
    story.look(due(None))
    story.look(due(4.0))
    stopped_at = story.now
    told = story.look(due(4.0, why="the camera fell silent"), times=100)
    assert [change.until for change in told] == [None]
    alarm = told[0].alarm
    assert (alarm.kind, alarm.camera_id, alarm.title) == (NOT_RECORDING, 7, "Mathematics")
    assert (alarm.since, alarm.detail, alarm.times) == (WALL + stopped_at, "the camera fell silent", 1)
    assert story.alarms.standing == (alarm,)


def test_it_is_over_with_the_first_growth_and_counted_when_it_comes_again() -> None:
    story = Story()
    story.look(due(None), times=30)
    assert [change.until for change in story.look(due(0.2))] == [WALL + story.now]
    story.look(due(0.2), times=30)
    assert [(change.alarm.times, change.until is None) for change in story.told] == [(1, True), (1, False), (2, True)]


def test_a_camera_that_sends_in_heaps_has_the_time_between_two() -> None:
    story = Story()
    for heap in range(1, 5):
        assert story.look(replace(due(10.0 * heap), patience_sec=30.0), times=20) == []
    (raised,) = story.look(replace(due(40.0), patience_sec=30.0), times=60)
    assert WALL + story.now - raised.alarm.since >= 30.0


def test_a_recorder_that_counts_anew_grows() -> None:
    story = Story()
    story.look(due(1000.0))
    story.look(due(0.0), times=3)
    story.look(due(0.5))
    assert story.look(due(0.5), times=10) == []


def test_a_lesson_that_is_over_takes_its_alarm_along() -> None:
    story = Story()
    story.look(due(None), times=30)
    (over,) = story.look()
    assert over.until is not None
    assert story.alarms.standing == ()
    assert story.look(due(None), times=30)[0].alarm.times == 1  # another day's lesson with the same words


def test_two_recordings_are_told_apart() -> None:
    story = Story()
    for second in range(40):
        story.look(due(second + 1.0, "a"), due(None, "b"))
    assert len(story.told) == 1


def test_alarms_of_pictures_are_told_once_each() -> None:
    alarms = Alarms()
    black = Alarm("black", 7, WALL)
    assert alarms.began("7 main", black) == AlarmChange(black)
    assert alarms.began("7 main", black) is None
    assert alarms.over("7 main", "frozen", WALL) is None
    assert alarms.over("7 main", "black", WALL + 9) == AlarmChange(black, WALL + 9)
    assert alarms.over("7 main", "black", WALL + 9) is None


def test_nothing_stands_about_a_channel_that_is_gone() -> None:
    alarms = Alarms()
    alarms.began("7 main", Alarm("black", 7, WALL))
    assert alarms.kept([7, 8], WALL) == []
    assert [change.alarm.camera_id for change in alarms.kept([8], WALL)] == [7]
    assert alarms.standing == ()


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=1, max_size=12))
def test_any_silence_is_told_in_time_and_nothing_else_is(phases: list[tuple[bool, int]]) -> None:
    """Phases in which media grows at every look, or not at all: the alarm stands exactly after `SILENT_SEC` of it."""
    story, recorded, quiet = Story(), 0.0, 0
    for grows, looks in phases:
        for _ in range(looks):
            recorded += grows
            quiet = 0 if grows else quiet + 1
            story.look(due(recorded))
            # Before the first growth the silence counts from the first look.
            silent_sec = (quiet if recorded else quiet - 1) * LOOK_SEC
            assert bool(story.alarms.standing) == (silent_sec >= SILENT_SEC)
    raised = [change.until is None for change in story.told]
    assert raised == [index % 2 == 0 for index in range(len(raised))], "raised and cleared by turns"
