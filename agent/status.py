"""What the daemon tells people about itself: one snapshot for `status`, the live display and the local page."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class View(BaseModel):
    """Base of the views."""

    model_config = ConfigDict(frozen=True)


class RecordingView(View):
    """A recording that is on. Times are Unix seconds."""

    slice_id: int
    course_id: int
    title: str = ""
    planned_start: float
    planned_end: float | None = None
    began_at: float | None = None
    slices: int = 0


class ChannelView(View):
    """A channel: `state` as the recorder's link has it, or `off` where nobody wants it; `sub_state` is that of its sub
    stream, if it has one."""

    camera_id: int
    name: str
    state: Literal["off", "starting", "connecting", "online", "waiting", "down"]
    cause: str = ""
    detail: str = ""
    source: str = ""
    video: str = ""
    audio: str = ""
    sub_state: Literal["connecting", "online", "waiting", "down"] | None = None
    sub_detail: str = ""
    wanted: bool = True
    recordings: tuple[RecordingView, ...] = ()
    packet_age_sec: float | None = None
    restarts: int = 0
    snapshot_at: float | None = None


class LessonView(View):
    """A coming lesson."""

    camera_id: int
    camera_name: str
    course_id: int
    title: str = ""
    start: float
    end: float


class QueueView(View):
    """The spool: counts of slices by how far they are. `oldest` is the start of the oldest one not yet confirmed."""

    recorded: int = 0
    uploaded: int = 0
    confirmed: int = 0
    waiting_bytes: int = 0
    oldest: float | None = None
    error: str = ""
    paused: bool = False


class DaemonView(View):
    """Everything at one moment (`now`, Unix seconds)."""

    now: float
    version: str
    pid: int
    gather_id: int = 0
    name: str = ""
    server: str = ""
    link: Literal["offline", "registering", "registered", "connected"] = "offline"
    link_detail: str = ""
    timezone: str = ""
    channels: tuple[ChannelView, ...] = ()
    next_lessons: tuple[LessonView, ...] = ()
    queue: QueueView = QueueView()
    disk_free: int = 0
    alarms: tuple[str, ...] = ()


class Happening(View):
    """Something just happened: for the log and the live display. `text` is a whole English sentence without secrets."""

    kind: Literal["channel", "recording", "slice", "upload", "report", "gap", "snapshot", "link", "alarm", "queue"]
    text: str
    camera_id: int | None = None
    data: dict[str, str | int | float | None] = Field(default_factory=dict)
