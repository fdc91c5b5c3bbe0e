"""What each command of the relay carries in `data`, by the command's name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.wire.models import GatherSettings, WireCamera, WireCourse, WireModel


class CameraRef(WireModel):
    """A command about one channel."""

    camera_id: int


class SetCourse(WireModel):
    """Changed courses of one channel; each item says by `is_delete` whether it is added (1), replaced (2) or deleted
    (3).
    """

    camera_id: int
    courses: tuple[WireCourse, ...] = ()


class StartRecord(CameraRef):
    """A recording by hand; `elapse_sec` 0 goes on until `stop_record`."""

    title: str = ""
    elapse_sec: Annotated[int, Field(ge=0)] = 0


class StartLive(CameraRef):
    """Push the channel to `push_url` for `lease_sec` seconds, longer when the command comes again.

    `rtmp://`, `rtmps://`: FLV by RTMP; `http://`, `https://`: FLV as one endless POST.  A path (`/...`) is on the
    server itself, and only there the agent shows its token.
    """

    push_url: str
    lease_sec: Annotated[int, Field(gt=0, le=86_400)] = 30


class GoToPreset(CameraRef):
    """Turn an IPC channel's camera to the preset of this name, or with this token."""

    preset: Annotated[str, Field(min_length=1, max_length=200)]


class Nothing(WireModel):
    """A command without data."""


COMMANDS: dict[str, type[WireModel]] = {
    "add_camera": WireCamera,
    "mod_camera": WireCamera,
    "del_camera": CameraRef,
    "start_camera": CameraRef,
    "stop_camera": CameraRef,
    "set_course": SetCourse,
    "mod_gather": GatherSettings,
    "start_record": StartRecord,
    "stop_record": CameraRef,
    "snapshot": CameraRef,
    "start_live": StartLive,
    "stop_live": CameraRef,
    "presets": CameraRef,
    "go_to_preset": GoToPreset,
    "pause_upload": Nothing,
    "resume_upload": Nothing,
    "status": Nothing,
}
"""`add_camera` and `mod_camera` carry the whole channel with all its courses, `mod_gather` all settings: nothing is
merged.
"""
