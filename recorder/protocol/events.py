"""What a recorder process says to the daemon."""

from __future__ import annotations

from dataclasses import dataclass, field

from recorder.specs import AlarmKind, LinkState, LiveCause, LiveState, SliceFacts, StreamName


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The state of one of the channel's sources. `cause` and `detail` (for people, without secrets) say why it is not
    online; `retry_sec` when it is tried again.  "idle" is a main stream that nobody needs now (`NeedMain`).
    """

    state: LinkState
    cause: str = ""
    detail: str = ""
    retry_sec: float = 0.0
    video: str = ""
    audio: str = ""
    stream: StreamName = "main"


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
    """Once a second: the recorder lives and this is how it goes. `packet_age_sec` is None before the first packet.

    A source that sends in heaps (HLS: a segment at a time) may be silent for `heap_sec` in between; 0 for all others.
    """

    packets: int
    received_bytes: int
    packet_age_sec: float | None
    queued_bytes: int
    recording: list[int] = field(default_factory=list)
    recorded_sec: float = 0.0
    repaired_stamps: int = 0
    heap_sec: float = 0.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something a person should know that stops nothing. `kind` is one word, `detail` a sentence."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """Something is the matter with what the camera sends since `since` (wall clock); it is recorded all the same.

    Each alarm is raised once and cleared once.  `why` is one word, `figures` are its numbers, `detail` is both as an
    English sentence.
    """

    kind: AlarmKind
    stream: StreamName
    since: float
    detail: str = ""
    why: str = ""
    figures: dict[str, float] = field(default_factory=dict)


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
