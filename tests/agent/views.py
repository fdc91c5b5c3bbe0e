"""Views and happenings for tests."""

from __future__ import annotations

from typing import Any

from agent.status import (
    AlarmView,
    ChannelView,
    DaemonView,
    Happening,
    LessonView,
    LiveView,
    QueueView,
    RecordingView,
)

NOW = 1_800_000_000.0
STEM = "0" * 32 + "_1_1800000000_7_42_3_60"


def recording(**changes: Any) -> RecordingView:
    """Half an hour into a lesson of 45 minutes."""
    about = {"slice_id": 42, "course_id": 7, "title": "数学", "planned_start": NOW - 1800, "planned_end": NOW + 900}
    return RecordingView(**{**about, "began_at": NOW - 1800, **changes})


def channel(**changes: Any) -> ChannelView:
    """A channel that records."""
    about = {
        "camera_id": 1,
        "name": "Room 101",
        "state": "online",
        "source": "/films/room.mp4",
        "video": "h264 640x360",
    }
    return ChannelView(**{**about, "recordings": (recording(),), "packet_age_sec": 0.1, **changes})


def push(**changes: Any) -> LiveView:
    """Somebody has been watching for a minute and a half."""
    about = {"state": "live", "target": "rtmp://school/live/***", "since": NOW - 90, "until": NOW + 30}
    return LiveView(**{**about, **changes})


def alarm(**changes: Any) -> AlarmView:
    """A lesson that should be recorded and is not."""
    about = {"kind": "not_recording", "camera_id": 1, "name": "Room 101", "title": "数学", "since": NOW - 30}
    return AlarmView(**{**about, "detail": "no packet for 5 s", **changes})


def view(**changes: Any) -> DaemonView:
    """A daemon to which all is well."""
    lesson = LessonView(camera_id=1, camera_name="Room 101", course_id=8, title="音乐", start=NOW + 900, end=NOW + 1800)
    about = {"now": NOW, "version": "1.2", "pid": 99, "server": "http://school", "link": "connected"}
    parts = {"channels": (channel(),), "next_lessons": (lesson,), "queue": QueueView(confirmed=2), "disk_free": 10**10}
    return DaemonView(**{**about, **parts, **changes})


def slice_news(kind: Any, **data: Any) -> Happening:
    """News of the slice `STEM`."""
    return Happening(kind=kind, text="a whole sentence", camera_id=1, data={"stem": STEM, **data})
