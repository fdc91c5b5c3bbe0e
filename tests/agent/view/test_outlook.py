"""Will the next lesson be recorded?"""

from __future__ import annotations

from typing import Any

import pytest

from agent.status import DiskView, LessonView
from agent.view.outlook import BIT_RATE, RESERVE_BYTES, Outlook, Reason, lost_now, outlook
from tests.agent.views import NOW, alarm, channel, view

WELL = channel(recordings=())


def lesson(**changes: Any) -> LessonView:
    about = {"camera_id": 1, "camera_name": "Room 101", "course_id": 8, "start": NOW + 900, "end": NOW + 2700}
    return LessonView(**{**about, **changes})


@pytest.mark.parametrize("state", ["online", "off"])
def test_yes(state: str) -> None:
    found = outlook(view(channels=(channel(state=state, recordings=()),), next_lessons=(lesson(),)))
    assert found == Outlook("yes", lesson())


@pytest.mark.parametrize(
    ("changes", "answer", "reason"),
    [
        ({"channels": ()}, "no", Reason("no_channel", "Room 101")),
        (
            {"channels": (channel(state="waiting", cause="unauthorized"),)},
            "no",
            Reason("camera_away", "Room 101", "unauthorized"),
        ),
        ({"channels": (channel(state="down"),)}, "no", Reason("camera_away", "Room 101")),
        ({"channels": (channel(state="connecting"),)}, "doubtful", Reason("camera_starting", "Room 101")),
        ({"disk_free": 10**8}, "no", Reason("disk_full", "")),
        ({"disk": DiskView(state="missing"), "disk_free": 0}, "no", Reason("disk_missing", "")),
        ({"disk": DiskView(state="read_only")}, "no", Reason("disk_read_only", "")),
        ({"disk": DiskView(state="failing")}, "no", Reason("disk_failing", "")),
    ],
)
def test_what_speaks_against_it(changes: dict[str, Any], answer: str, reason: Reason) -> None:
    parts = {"channels": (WELL,), "next_lessons": (lesson(),), **changes}
    found = outlook(view(**parts))
    assert (found.answer, found.reasons) == (answer, (reason,))


def test_no_lesson_is_planned() -> None:
    assert outlook(view(next_lessons=())) == Outlook("none")


def test_the_earliest_counts_and_of_those_that_begin_together_the_worst() -> None:
    second = channel(camera_id=2, name="Room 102", state="down")
    at_once = lesson(camera_id=2, camera_name="Room 102")
    later = lesson(camera_id=9, camera_name="Room 109", start=NOW + 5000, end=NOW + 6000)
    found = outlook(view(channels=(WELL, second), next_lessons=(later, lesson(), at_once)))
    assert (found.answer, found.lesson) == ("no", at_once)
    assert outlook(view(channels=(WELL, second), next_lessons=(later, lesson()))).answer == "yes"


def test_the_disk_must_hold_the_lesson_at_the_rate_that_the_camera_has() -> None:
    def answer(free: float, rate: float | None) -> str:
        camera = channel(recordings=(), bit_rate=rate)
        return outlook(view(channels=(camera,), next_lessons=(lesson(),), disk_free=int(free))).answer

    for rate in (None, 8e6):
        needed = (rate or BIT_RATE) / 8 * 1800 + RESERVE_BYTES
        assert (answer(needed + 1, rate), answer(needed - 1, rate)) == ("yes", "no")


def test_what_is_being_lost_now() -> None:
    lost = view(channels=(channel(state="waiting", cause="stalled"),), alarms=(alarm(), alarm(kind="black")))
    assert lost_now(lost) == (Reason("not_recording", "Room 101", "stalled"),)
    assert lost_now(view()) == ()
