"""What the daemon and a recorder process say to each other: one JSON object a line over a socket pair.

`{"type": "<snake_case class name>", ...fields}`.  The daemon sends orders, the recorder sends events.  The first
order is always `OpenChannel`.  When the socket ends, the recorder closes its files and exits: a recorder never
outlives its daemon.

Times named `*_at` and `since`/`until` are wall clock, Unix seconds as float; lengths named `*_sec` are seconds as
float.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

from recorder.errors import ProtocolError
from recorder.specs import (
    AlarmKind,
    Limits,
    LinkState,
    LiveCause,
    LiveState,
    RecordingSpec,
    SliceFacts,
    SourceSpec,
    StreamName,
    Tuning,
    Watching,
)


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """Be this channel: connect, keep the ring, write finished slices into `folder`, the channel's picture to
    `snapshot_path`.

    `sub` feeds live and pictures.  Where there is one, `need_main` says whether `main` is connected before anything is
    recorded.  `alarms`: those that stand since a recorder before this one, kind → wall clock of their beginning.
    """

    camera_id: int
    name: str
    main: SourceSpec
    folder: str
    snapshot_path: str
    sub: SourceSpec | None = None
    tuning: Tuning = field(default_factory=Tuning)
    limits: Limits = field(default_factory=Limits)
    reconnect: bool = True
    need_main: bool = True
    watching: Watching = field(default_factory=Watching)
    alarms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BeginRecording:
    """Record from the last key frame at or before `begin_at`, and end by itself with the last packet before `end_at`
    (None: open end).
    """

    recording: RecordingSpec
    begin_at: float
    end_at: float | None = None


@dataclass(frozen=True, slots=True)
class MoveEnd:
    """The recording ends at another time now."""

    slice_id: int
    end_at: float | None


@dataclass(frozen=True, slots=True)
class EndRecording:
    """End now."""

    slice_id: int


@dataclass(frozen=True, slots=True)
class Retune:
    """New slicing, overlap and snapshot settings, from the next packet on."""

    tuning: Tuning


@dataclass(frozen=True, slots=True)
class SetReconnect:
    """Whether a lost source is opened again outside recordings (`auto_dvr`); a recording always reconnects."""

    reconnect: bool


@dataclass(frozen=True, slots=True)
class NeedMain:
    """Whether the main stream of a channel with a sub stream is to be connected while nothing is recorded from it: a
    lesson is near, or the school can afford both all day.
    """

    needed: bool


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Take the channel's picture now; answered by `SnapshotTaken` with the same `request`."""

    request: str


@dataclass(frozen=True, slots=True)
class CloseChannel:
    """Close files, exit."""


@dataclass(frozen=True, slots=True)
class RepairFolder:
    """Sent instead of `OpenChannel`: repair every slice in `folder` that no living recorder holds, then `RepairDone`
    and exit.

    `adopt` names finished slices in `folder` that the journal lacks; each is answered by a `SliceClosed` ("found")
    with the facts that the file itself tells.  `skip` names files that are left alone: they have hung a repair before.
    """

    folder: str
    adopt: list[str] = field(default_factory=list)
    skip: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FeedLive:
    """Feed a live process with what a viewer is to see, from the last key frame on. Its socket comes with this order,
    as a descriptor; when the other end closes, the feeding ends.
    """


@dataclass(frozen=True, slots=True)
class PushLive:
    """Sent instead of `OpenChannel`: be a live process. What is to be pushed to `push_url` comes by the socket whose
    descriptor comes with this order; `LiveChanged` "ended" is its last word.

    `token` is sent as bearer, by HTTP only; `ca_file` holds the authorities that are believed instead of the system's.
    """

    push_url: str = field(repr=False)
    token: str = field(default="", repr=False)
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class ProbeSource:
    """Sent instead of `OpenChannel`: open the source once, look at what comes for at most `look_sec`, answer with
    `SourceProbed` and exit.
    """

    source: SourceSpec
    limits: Limits = field(default_factory=Limits)
    look_sec: float = 10.0


# -- events: recorder to daemon


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The state of one of the channel's sources. `cause` and `detail` (for people, without secrets) say why it is not
    online; `retry_sec` when it is tried again.  "idle" is a main stream that nobody needs now (`NeedMain`).  A source
    that sends in heaps (HLS: a segment at a time) may be silent for `heap_sec` in between.
    """

    state: LinkState
    cause: str = ""
    detail: str = ""
    retry_sec: float = 0.0
    video: str = ""
    audio: str = ""
    stream: StreamName = "main"
    heap_sec: float = 0.0


@dataclass(frozen=True, slots=True)
class RecordingBegan:
    """The first packet of a recording was taken; `first_at` is its wall clock."""

    slice_id: int
    first_at: float


@dataclass(frozen=True, slots=True)
class SliceOpened:
    """A slice file was created."""

    slice_id: int
    slice_inx: int
    path: str
    started_at: float


@dataclass(frozen=True, slots=True)
class SliceClosed:
    """A slice is finished. `reason`: "limit", "end", "lost", "codec", "close", "repair", "disk", "found"."""

    facts: SliceFacts
    reason: str


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """Nothing more will come for this recording. `last_at` is the wall clock of the end of its last packet, None when
    it had none.
    """

    slice_id: int
    last_at: float | None
    media_sec: float


@dataclass(frozen=True, slots=True)
class GapFound:
    """What could not be recorded, and why (`Cause`). `slice_id` names the recording that misses it."""

    slice_id: int
    since: float
    until: float
    cause: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """The channel's picture was replaced, or (`error` not empty) could not be."""

    path: str
    width: int = 0
    height: int = 0
    taken_at: float = 0.0
    request: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Once a second: the recorder lives and this is how it goes. `packet_age_sec` is None before the first packet."""

    packets: int
    received_bytes: int
    packet_age_sec: float | None
    queued_bytes: int
    recording: list[int] = field(default_factory=list)
    recorded_sec: float = 0.0
    repaired_stamps: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something a person should know that stops nothing. `kind` is one word, `detail` a sentence."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """Something is the matter with what the camera sends since `since` (wall clock); it is recorded all the same.

    Each alarm is raised once and cleared once.
    """

    kind: AlarmKind
    stream: StreamName
    since: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AlarmCleared:
    """It is over, since `until`."""

    kind: AlarmKind
    stream: StreamName
    since: float
    until: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RepairBegan:
    """A repair turns to this file, of so many bytes; whatever it says next, it has let go of it."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class RepairDone:
    """The end of a repair run. `unusable` names files in which nothing could be saved, with the reason; they are set
    aside, not deleted.
    """

    repaired: int
    unusable: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LiveChanged:
    """The state of a push. `cause` and `detail` (for people, without secrets) say why it waits or has ended."""

    state: LiveState
    cause: LiveCause | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LivePulse:
    """Once a second from a live process: what was sent, and how many packets were skipped because the line is slow."""

    packets: int
    sent_bytes: int
    skipped: int


@dataclass(frozen=True, slots=True)
class SourceProbed:
    """What a look at a source has found. `cause` (of `Cause`, empty when packets came to the end of the look) and
    `detail` say why it ended early; `packets` may be some all the same.

    `dropped` names tracks that cannot be used.  `gop_sec` is the longest distance of two key frames, 0 where fewer than
    two were seen; `looked_sec` how long packets were watched; `bit_rate` bits per second.
    """

    transport: str
    cause: str = ""
    detail: str = ""
    video: str = ""
    audio: str = ""
    dropped: list[str] = field(default_factory=list)
    open_sec: float = 0.0
    looked_sec: float = 0.0
    packets: int = 0
    pictures: int = 0
    key_frames: int = 0
    gop_sec: float = 0.0
    fps: float = 0.0
    bit_rate: float = 0.0


Order = (
    OpenChannel
    | BeginRecording
    | MoveEnd
    | EndRecording
    | Retune
    | SetReconnect
    | NeedMain
    | TakeSnapshot
    | CloseChannel
    | RepairFolder
    | FeedLive
    | PushLive
    | ProbeSource
)
Event = (
    LinkChanged
    | RecordingBegan
    | SliceOpened
    | SliceClosed
    | RecordingEnded
    | GapFound
    | SnapshotTaken
    | Pulse
    | Trouble
    | AlarmRaised
    | AlarmCleared
    | RepairBegan
    | RepairDone
    | LiveChanged
    | LivePulse
    | SourceProbed
)

_T = TypeVar("_T")


class _Codec:
    nested: ClassVar[tuple[type, ...]] = (SourceSpec, Tuning, Limits, Watching, RecordingSpec, SliceFacts)

    def __init__(self) -> None:
        self.by_kind = {_kind(cls): cls for cls in (*get_args(Order), *get_args(Event))}
        self.hints = {cls: get_type_hints(cls) for cls in (*self.by_kind.values(), *self.nested)}

    def build(self, cls: type[_T], values: dict[str, Any]) -> _T:
        hints = self.hints[cls]
        unknown = values.keys() - hints.keys()
        if unknown:
            raise ProtocolError(f"{cls.__name__} has no field {sorted(unknown)[0]!r}")
        built = {name: self._value(hints[name], value) for name, value in values.items()}
        try:
            return cls(**built)
        except TypeError as error:
            raise ProtocolError(f"{cls.__name__}: {error}") from error

    def _value(self, hint: Any, value: Any) -> Any:
        if isinstance(value, dict):
            for cls in (hint, *get_args(hint)):
                if cls in self.nested:
                    return self.build(cls, value)
        return value


def _kind(cls: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def encode(message: Order | Event) -> bytes:
    """One line, newline included."""
    return json.dumps({"type": _kind(type(message)), **asdict(message)}, ensure_ascii=False).encode() + b"\n"


_codec = _Codec()


def decode(line: bytes) -> Order | Event:
    """The message of one line; `ProtocolError` when it is none."""
    try:
        values = json.loads(line)
        cls = _codec.by_kind[values.pop("type")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"not a message: {line[:80]!r}") from error
    message: Order | Event = _codec.build(cls, values)
    return message


assert all(is_dataclass(cls) and fields(cls) is not None for cls in _codec.by_kind.values())
