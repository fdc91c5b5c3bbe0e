"""What the daemon says to a recorder process."""

from __future__ import annotations

from dataclasses import dataclass, field

from recorder.specs import Limits, RecordingSpec, SourceSpec, Tuning, Watching


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
