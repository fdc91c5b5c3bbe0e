"""The bodies of the gather protocol v1 (`docs/protocol.md`).

Numbers are numbers; numeric strings are accepted, as older servers send them.  Unknown fields are ignored, so that
either end may be newer than the other.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field


def _clamp(low: int, high: int) -> BeforeValidator:
    def clamp(value: Any) -> Any:
        try:
            number = int(value)
        except (TypeError, ValueError):
            return value
        return min(max(number, low), high)

    return BeforeValidator(clamp)


def _number(value: Any) -> Any:
    """`Literal` alone takes no numeric string."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else value


SliceMinutes = Annotated[int, _clamp(0, 30)]
OverlapKeyFrames = Annotated[int, _clamp(0, 3)]
SnapMinutes = Annotated[int, _clamp(1, 10)]
Switch = Annotated[int, _clamp(0, 1)]


class WireModel(BaseModel):
    """Base of all bodies: frozen, numeric strings accepted, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, allow_inf_nan=False)


class GatherSettings(WireModel):
    """A recorder's settings, as `list_gather` names them. Values outside the documented ranges are clamped to them."""

    name_set: str = ""
    main_rate: int = 1024
    sub_rate: int = 512
    auto_dvr: Switch = 0
    auto_fds: Switch = Field(default=1, validation_alias=AliasChoices("auto_fds", "auto_fdfs"))
    slice_val: SliceMinutes = 0
    inter_val: OverlapKeyFrames = 0
    snap_val: SnapMinutes = 2


class WireCourse(WireModel):
    """A weekly course. `start_time` is `HH:MM:SS`, or anything that ends so (only the time of day counts);
    `is_delete` 1 add, 2 modify, 3 delete.
    """

    course_id: int
    camera_id: int = 0
    subject_id: int = 0
    teacher_id: int = 0
    week_id: Annotated[int, Field(ge=0, le=6)] = 0
    elapse_sec: Annotated[int, Field(ge=0, lt=86400)] = 0
    start_time: str = ""
    title: str = ""
    is_delete: Annotated[Literal[1, 2, 3], BeforeValidator(_number)] = 1


class WireCamera(WireModel):
    """A channel as the server knows it; `stream_prop` 0 IPC, 1 MP4 file, 2 stream URL. `device_pass` is base64.

    `device_preset`: where a camera that turns looks when a lesson begins, empty: wherever it does.
    """

    camera_id: int
    camera_name: str = ""
    stream_prop: Annotated[Literal[0, 1, 2], BeforeValidator(_number)] = 2
    stream_url: str = ""
    stream_mp4: str = ""
    device_ip: str = ""
    device_user: str = ""
    device_pass: str = Field(default="", repr=False)
    device_cmd_port: int = Field(default=0, validation_alias=AliasChoices("device_cmd_port", "device_cmd_prot"))
    device_mirror: Switch = 0
    device_osd: Switch = 1
    device_twice: Switch = 0
    device_show: Switch = 1
    device_preset: str = ""
    courses: tuple[WireCourse, ...] = ()


class StorageTarget(WireModel):
    """Where files go. `http`: PUT under `url` with the agent's token; `folder`: a directory both ends can reach."""

    kind: Literal["http", "folder"] = "http"
    url: str = ""
    path: str = ""


class RegisterRequest(WireModel):
    """`POST /gather/v1/register`. Identity is `agent_uid`; the MAC is shown, and adopts an existing row."""

    agent_uid: str
    mac_addr: str = ""
    ip_addr: str = ""
    name_pc: str = ""
    os_name: str = ""
    version: str = ""


class RegisterReply(WireModel):
    """The answer. `token` is empty when the caller's own token goes on; `server_time` Unix seconds; `timezone` an
    IANA name.
    """

    err_code: int = 0
    err_msg: str = "OK"
    gather_id: int = 0
    token: str = Field(default="", repr=False)
    relay_url: str = ""
    server_time: float = 0.0
    timezone: str = ""
    storage: StorageTarget = StorageTarget()
    gather: GatherSettings = GatherSettings()


class ChannelAlarm(WireModel):
    """Something that stands wrong about a channel since `since` (Unix seconds): `not_recording`, `black`, `frozen`,
    `silent`, `no_audio`. `why` is one word (`docs/protocol.md`), `figures` are the numbers in its sentence; `detail` is
    the sentence in English, all that older agents say.
    """

    kind: str
    since: float
    detail: str = ""
    why: str = ""
    figures: dict[str, float] = {}


class CameraStatus(WireModel):
    """One channel in `hello`, `status` events and status reports. `status` 1 online, 0 offline, -1 not known since
    start.
    """

    camera_id: int
    status: int
    recording: tuple[int, ...] = ()
    wanted: bool = True
    cause: str = ""
    detail: str = ""
    video: str = ""
    audio: str = ""
    alarms: tuple[ChannelAlarm, ...] = ()


class Hello(WireModel):
    """The agent's first frame on the relay."""

    gather_id: int
    rev: int = 0
    version: str = ""
    cameras: tuple[CameraStatus, ...] = ()


class Sync(WireModel):
    """The whole state as the server wants it. Cameras that are missing here are gone."""

    rev: int
    gather: GatherSettings
    cameras: tuple[WireCamera, ...] = ()


class Command(WireModel):
    """An order from the server; answered when it is done."""

    id: str
    cmd: str
    rev: int = 0
    data: dict[str, Any] = Field(default_factory=dict)


class Answer(WireModel):
    """What became of a command: `err_code` from `codes.Code`."""

    id: str
    err_code: int = 0
    err_msg: str = "OK"
    data: dict[str, Any] = Field(default_factory=dict)


class EventFrame(WireModel):
    """Something that happened on the agent: `camera`, `recording`, `slice`, `alarm`, `queue`."""

    event: str
    seq: int
    data: dict[str, Any] = Field(default_factory=dict)


SOUND_LOST = "sound_lost"
"""The cause of a gap in the sound alone: it is listed with the others, and nothing of the picture is missing there."""


class GapReport(WireModel):
    """What a recording misses: wall clock, Unix seconds, and a word why."""

    since: float
    until: float
    cause: str
    detail: str = ""


class RecordingReport(WireModel):
    """The recording (lesson) that a slice belongs to, as far as it is known now. `planned_*` are the lesson's own
    times.

    `coverage` is recorded time over due time, 0 to 1, and None while the lesson is still on.
    """

    slice_id: int
    camera_id: int
    course_id: int
    subject_id: int = 0
    teacher_id: int = 0
    planned_start: float
    planned_end: float | None = None
    ended: bool = False
    coverage: float | None = None
    gaps: tuple[GapReport, ...] = ()


class RecordReport(WireModel):
    """`POST /gather/v1/records`, idempotent by `file_src`. `file_fdfs`/`image_fdfs` begin with `/`: `storage_addr +
    file_fdfs` plays.
    """

    file_src: str
    file_fdfs: str
    image_fdfs: str = ""
    file_size: int
    sha256: str
    duration: float
    overlap_sec: float = 0.0
    started: float
    camera_id: int
    course_id: int
    slice_id: int
    slice_inx: int
    repaired: bool = False
    video: str = ""
    audio: str = ""
    recording: RecordingReport


class SnapshotReport(WireModel):
    """`POST /gather/v1/snapshots`: the channel's current picture; `file_src` is `live_<camera_id>`."""

    file_src: str
    camera_id: int
    image_fdfs: str
    file_size: int
    taken: float


class StatusReport(WireModel):
    """`POST /gather/v1/status`: renews the lease by which the server calls the agent and its channels online.

    `lessons` repeats recordings whose gaps or coverage changed since they were last confirmed, also those without any
    slice. `queue_oldest`: when the oldest slice that is not confirmed began (Unix seconds); `queue_error`: why uploads
    fail, in a sentence; `disk_state`: `well`, or what is the matter with the disk of the recordings (`short`: a coming
    lesson will not fit, `low`, `full`, `read_only`, `failing`, `missing`).
    """

    cameras: tuple[CameraStatus, ...] = ()
    lessons: tuple[RecordingReport, ...] = ()
    queue_files: int = 0
    queue_bytes: int = 0
    queue_oldest: float | None = None
    queue_error: str = ""
    queue_paused: bool = False
    disk_free: int = 0
    disk_total: int = 0
    disk_state: str = "well"


class Reply(WireModel):
    """The envelope of every HTTP answer: `err_code` 0 = taken and durable."""

    err_code: int = 0
    err_msg: str = "OK"


class StoredFile(WireModel):
    """The answer to an upload: the address to report, and what the storage has after reading it back."""

    err_code: int = 0
    err_msg: str = "OK"
    file: str
    size: int
    sha256: str
