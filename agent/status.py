"""What the daemon tells people about itself: for the command line, the live display and the local page.

Each view is one moment, as JSON on the control socket and in `--json`: fields are added, never renamed. Times are Unix
seconds, lengths seconds, sizes bytes.
"""

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


class LiveView(View):
    """A channel that is pushed to `target` (shown without secrets) until `until` unless that is renewed.

    `since` is when its state began, `retry_at` when a lost push is tried again; `skipped` packets were not sent because
    the line is slow.
    """

    state: Literal["waiting", "connecting", "live"]
    target: str
    since: float
    until: float
    cause: str = ""
    detail: str = ""
    retry_at: float | None = None
    sent_bytes: int = 0
    skipped: int = 0


class ChannelView(View):
    """A channel: `state` as the recorder's link has it, or `off` where nobody wants it; `sub_*` are those of its sub
    stream, if it has one. `source` carries no password. `bit_rate`: bits per second over the last ten, None where
    nothing comes. `heap_sec`: so far apart its packets may come (HLS). `due` counts the recordings that should be on
    now, `recordings` are those that its recorder has been told of."""

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
    sub_source: str = ""
    sub_video: str = ""
    bit_rate: float | None = None
    wanted: bool = True
    due: int = 0
    recordings: tuple[RecordingView, ...] = ()
    packet_age_sec: float | None = None
    heap_sec: float = 0.0
    restarts: int = 0
    snapshot_at: float | None = None
    live: LiveView | None = None


class LessonView(View):
    """A coming lesson."""

    camera_id: int
    camera_name: str
    course_id: int
    title: str = ""
    start: float
    end: float


class QueueView(View):
    """The spool: counts of slices by how far they are. `oldest` is the start of the oldest one not yet confirmed;
    `opens_at`: when uploads may go again, where their hours are over.
    """

    recorded: int = 0
    uploaded: int = 0
    confirmed: int = 0
    waiting_bytes: int = 0
    oldest: float | None = None
    error: str = ""
    paused: bool = False
    opens_at: float | None = None


class AlarmView(View):
    """Something that stands wrong since `since`: `kind` "not_recording" (a recording is due and does not grow), or what
    is the matter with a picture or its sound ("black", "frozen", "silent", "no_audio"); raised `times` times about it.
    `why` with its `figures` as in `agent.web.words`, `detail` the same in English.
    """

    kind: str
    camera_id: int
    name: str = ""
    title: str = ""
    since: float
    detail: str = ""
    why: str = ""
    figures: dict[str, float] = {}
    times: int = 1


class DiskView(View):
    """The disk of the recordings, in bytes: `state` as `agent.spool.disk.DiskState` has it. `room` is what
    recordings may still take, with what is `deletable`. `need` until the end of the coming `lesson` that
    will not fit, and `full_at`.
    """

    state: str = "well"
    free: int = 0
    total: int = 0
    room: int = 0
    deletable: int = 0
    detail: str = ""
    need: int = 0
    lesson: str = ""
    lesson_start: float | None = None
    full_at: float | None = None


class DaemonView(View):
    """Everything at one moment (`now`, Unix seconds).

    `link_cause` is a word of `agent.link.failure` while the link does not stand, `clock_off_sec` this machine's clock
    minus the server's where they differ noticeably.
    """

    now: float
    version: str
    pid: int
    gather_id: int = 0
    name: str = ""
    server: str = ""
    link: Literal["offline", "registering", "registered", "connected"] = "offline"
    link_cause: str = ""
    link_detail: str = ""
    clock_off_sec: float = 0.0
    has_twin: bool = False
    """Another agent with this identity is about: a copied disk or state folder."""
    timezone: str = ""
    channels: tuple[ChannelView, ...] = ()
    next_lessons: tuple[LessonView, ...] = ()
    queue: QueueView = QueueView()
    disk_free: int = 0
    disk: DiskView = DiskView()
    journal_error: str = ""
    """Why the journal cannot be written, empty while it can. Lessons are recorded, uploads and account wait."""
    alarms: tuple[AlarmView, ...] = ()


class GapView(View):
    """Time that a recording misses, `[since, until)`. `cause` is a word of `recorder.specs.Cause`, `detail` a sentence
    where there is one."""

    since: float
    until: float
    cause: str
    detail: str = ""


SliceProgress = Literal["recorded", "uploaded", "confirmed", "removed", "given_up"]
"""How far a slice is: on this disk; in the storage; known to the server; gone from this disk after that; or gone
before it was uploaded, which is a gap.
"""


class SliceView(View):
    """A finished slice. `overlap_sec` of its beginning stand in the slice before it, too."""

    stem: str
    slice_inx: int
    started_at: float
    media_sec: float
    overlap_sec: float
    size: int
    state: SliceProgress
    repaired: bool = False
    video: str = ""
    audio: str = ""


LessonState = Literal["coming", "due", "recording", "recorded", "partly", "missed", "not_due"]


class LessonOutcome(View):
    """What became of a lesson, or of a recording by hand (`course_id` 0).

    `state`: "coming"; "due" = should be recorded now and nothing arrives; "recording"; "recorded" = all of it;
    "partly" = with gaps; "missed" = nothing of it; "not_due" = it was over before this agent knew of it, or it was
    called off before it began.  `coverage` is recorded over planned time, 0 to 1, while it is on over the time so far,
    None where nothing was due; it is 1 only without a gap.  `planned_end` is None for an open end.
    """

    key: str
    camera_id: int
    camera_name: str
    course_id: int
    title: str = ""
    state: LessonState
    slice_id: int | None = None
    planned_start: float
    planned_end: float | None
    began_at: float | None = None
    ended_at: float | None = None
    coverage: float | None = None
    missing_sec: float = 0.0
    gaps: tuple[GapView, ...] = ()
    slices: tuple[SliceView, ...] = ()


class LessonsView(View):
    """The lessons that begin on the days `first_day` to `last_day` (ISO dates in `timezone`), by time and channel."""

    now: float
    first_day: str
    last_day: str
    timezone: str
    lessons: tuple[LessonOutcome, ...] = ()


class CamerasView(View):
    """All channels."""

    now: float
    cameras: tuple[ChannelView, ...] = ()


UploadState = Literal["uploading", "waiting", "retrying", "paused", "stored"]


class UploadView(View):
    """A slice on its way. `state`: "uploading"; "waiting" for its turn; "retrying" = it failed `attempts` times, last
    with `error`, and is tried again at `next_try`; "paused"; "stored" = uploaded, the server has not confirmed it yet.
    """

    stem: str
    camera_id: int
    camera_name: str
    course_id: int
    title: str = ""
    slice_inx: int
    started_at: float
    media_sec: float
    size: int
    state: UploadState
    attempts: int = 0
    error: str = ""
    next_try: float | None = None


class UploadsView(View):
    """The queue, the files next in turn first; `more` others are not listed."""

    now: float
    queue: QueueView
    files: tuple[UploadView, ...] = ()
    more: int = 0


class Happening(View):
    """Something just happened: for the log and the live display. `text` is a whole English sentence without secrets."""

    kind: Literal[
        "channel", "recording", "slice", "upload", "report", "gap", "snapshot", "link", "alarm", "queue", "live", "disk"
    ]
    text: str
    camera_id: int | None = None
    data: dict[str, str | int | float | None] = Field(default_factory=dict)
