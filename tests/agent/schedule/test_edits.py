"""What an edit changes, in words."""

from __future__ import annotations

from agent.schedule.edits import MOST, edits
from agent.wire.models import WireCamera, WireCourse

MATHS = WireCourse(course_id=5, week_id=1, start_time="2026-01-01 08:00:00", elapse_sec=2700, title="数学")
ROOM = WireCamera(camera_id=1, camera_name="101", stream_url="rtsp://camera/1", courses=(MATHS,))


def test_each_change_is_a_sentence() -> None:
    later = MATHS.model_copy(update={"start_time": "08:10:00", "elapse_sec": 2730})
    english = WireCourse(course_id=6, week_id=5, start_time="10:00:00", elapse_sec=600)
    moved = ROOM.model_copy(update={"stream_url": "rtsp://me:hidden-from-logs@camera/2", "courses": (later, english)})
    assert edits({}, {1: ROOM}) == ["channel 1 101 is new, with 1 course"]
    assert edits({1: ROOM}, {}) == ["channel 1 101 is gone"]
    assert edits({1: ROOM}, {1: ROOM.model_copy()}) == []
    assert edits({1: ROOM}, {1: moved}) == [
        "channel 1 101 has another stream_url",
        "channel 1 101: course 5 is 数学 Mon 08:10:00, 45 min 30 s, and was 数学 Mon 08:00:00, 45 min",
        "channel 1 101: course 6 is new: Fri 10:00:00, 10 min",
    ]
    assert edits({1: moved}, {1: ROOM})[-1] == "channel 1 101: course 6 is gone: Fri 10:00:00, 10 min"


def test_a_new_school_is_no_flood() -> None:
    found = edits({}, {n: WireCamera(camera_id=n) for n in range(1, 101)})
    assert len(found) == MOST
    assert found[-1] == "and 81 other changes"
