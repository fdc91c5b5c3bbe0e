"""Will the next lesson be recorded? As the server knows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.standalone.console.pages.overview.outlook import (
    Answer,
    Coming,
    Doubt,
    Outlook,
    Reason,
    Recorder,
    Room,
    outlook,
)

ROOM = Room("301", 1, 1)
RECORDER = Recorder("三号楼", alive=True, disk_free=10**12)
LESSON = Coming(1, "语文", 1000.0, 3700.0)


def asked(room: Room = ROOM, recorder: Recorder = RECORDER) -> Outlook:
    return outlook([LESSON], {1: room}, {1: recorder})


@pytest.mark.parametrize(
    ("room", "recorder", "answer", "doubt"),
    [
        (ROOM, RECORDER, "yes", None),
        (replace(ROOM, status=0, wanted=False), RECORDER, "yes", None),
        (replace(ROOM, status=0, cause="timeout"), RECORDER, "no", "camera_away"),
        (replace(ROOM, status=-1), RECORDER, "doubtful", "camera_starting"),
        (ROOM, replace(RECORDER, alive=False), "unknown", "agent_offline"),
        (replace(ROOM, status=0), replace(RECORDER, alive=False), "unknown", "agent_offline"),
        (ROOM, replace(RECORDER, disk_state="missing"), "no", "disk_missing"),
        (ROOM, replace(RECORDER, disk_state="short"), "yes", None),
        (ROOM, replace(RECORDER, disk_free=10**9), "no", "disk_full"),
        (ROOM, replace(RECORDER, disk_free=0), "yes", None),
    ],
)
def test_one_lesson(room: Room, recorder: Recorder, answer: Answer, doubt: Doubt | None) -> None:
    found = asked(room, recorder)
    assert found.answer == answer
    assert [reason.doubt for reason in found.reasons] == ([doubt] if doubt else [])


def test_no_lesson() -> None:
    assert outlook([], {}, {}) == Outlook("none")


def test_of_lessons_that_begin_together_the_worst_counts_and_the_others_are_told_of() -> None:
    rooms = {1: ROOM, 2: Room("302", 1, 0, "unreachable"), 3: Room("401", 2, 1)}
    recorders = {1: RECORDER, 2: replace(RECORDER, name="四号楼", alive=False)}
    lessons = [replace(LESSON, camera_id=each) for each in (1, 2, 3)]
    later = replace(LESSON, start=2000.0, end=2100.0)
    found = outlook([later, *lessons], rooms, recorders)
    assert (found.answer, found.lessons, found.others) == ("no", (lessons[1],), 1)
    assert found.reasons == (Reason("camera_away", "302", "unreachable"), Reason("agent_offline", "四号楼"))


def test_all_lessons_of_a_recorder_must_fit_on_its_disk() -> None:
    rooms = {each: Room(str(each), 1, 1) for each in range(4)}
    one_fits = replace(RECORDER, disk_free=2 * 10**9)
    lessons = [replace(LESSON, camera_id=each) for each in rooms]
    assert outlook(lessons[:1], rooms, {1: one_fits}).answer == "yes"
    assert outlook(lessons, rooms, {1: one_fits}).reasons == (Reason("disk_full", "三号楼"),)
