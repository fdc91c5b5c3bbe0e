"""The values that orders and events are made of: sources, limits, recordings, finished slices.

Times named `*_at` are wall clock, Unix seconds as float; lengths named `*_sec` are seconds as float.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Cause = Literal[
    "unreachable",  # name does not resolve, port closed, no route
    "unauthorized",  # the camera refuses user or password
    "not_found",  # the camera knows no such stream; the file does not exist
    "timeout",  # connected, but no answer in time
    "stalled",  # was playing and fell silent
    "ended",  # the camera closed the stream
    "unusable",  # answers, but with nothing that can be recorded
    "refused_url",  # an address that this program never opens
    "disk",  # the disk did not take what was received
    "overflow",  # the disk was too slow and the queue ran over
    "packet_loss",  # the network lost packets
    "sound_lost",  # the network lost packets of the sound; the picture is there
    "restart",  # the recorder process was down
    "late",  # recording began after the lesson did
    "clock",  # the machine's clock was set forward over it
    "asleep",  # the machine slept
    "no_key_frame",  # packets came, but none to begin with
    "stopped",  # stopped by hand
]
LiveCause = Literal[
    "no_picture",  # the channel gives none: camera away, recorder restarting
    "unresolved",  # the server's name is not known
    "unreachable",  # port closed, no route, no answer
    "tls",  # no encrypted connection, or a certificate that is not valid
    "refused",  # the server is there and does not take this stream
    "timeout",  # it was connected to and did not answer in time
    "stalled",  # it took the stream for a while and then nothing more
    "ended",  # it closed the connection
    "unusable",  # nothing of the channel can be sent as FLV
    "refused_url",  # an address that this program never pushes to
    "changed",  # another stream of the channel, or other parameter sets: pushed anew at once
    "left_out",  # live, but a track has no place in FLV
    "enhanced",  # live, as H.265 or AV1: who knows only the old FLV shows no picture, and does not say so
    "crashed",  # the live process died
    "stopped",  # nobody wants it any more
]
LiveState = Literal["waiting", "connecting", "live", "ended"]
LinkState = Literal["connecting", "online", "waiting", "down", "idle"]
StreamName = Literal["main", "sub"]
AlarmKind = Literal["black", "frozen", "silent", "no_audio"]


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where packets come from.

    `kind` "file" plays `location` (a path) as a looped camera in real time; "stream" opens `location` (a URL without
    user and password, which stand apart and are percent-encoded when the URL is built).  `reader` picks who reads an
    RTSP stream: "own" is the reader of `source.rtsp`, "libav" is FFmpeg's, "auto" the first with the second behind it.
    """

    kind: Literal["file", "stream"]
    location: str
    user: str = ""
    password: str = field(default="", repr=False)
    transport: Literal["tcp", "udp"] = "tcp"
    reader: Literal["auto", "own", "libav"] = "auto"


@dataclass(frozen=True, slots=True)
class Tuning:
    """What may change while recording. 0 switches slicing, overlap or snapshots off; `inter_val` counts key frames."""

    slice_sec: float = 0.0
    inter_val: int = 0
    snap_sec: float = 120.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one recorder process; the defaults are those of the design.

    `refused_sec`: how long a password rests that a camera has refused.
    """

    connect_sec: float = 10.0
    stall_sec: float = 5.0
    ring_sec: float = 10.0
    ring_bytes: int = 64 << 20
    queue_bytes: int = 64 << 20
    fragment_sec: float = 1.0
    sync_sec: float = 2.0
    preroll_sec: float = 0.0
    retry_min_sec: float = 1.0
    retry_max_sec: float = 30.0
    refused_sec: float = 900.0


@dataclass(frozen=True, slots=True)
class Watching:
    """What is called black, frozen, silent and without audio, and for how long it must last; 0 seconds: not watched.

    `black_luma` counts from black, 0 to 255.  `sound`: "auto" misses a track that this recorder has once had,
    "required" any, "ignored" none.  `look_sec`: how often picture and sound are decoded, 0: never; looks that take
    long (large H.265 pictures) become rarer, so that they take no more than `cpu_share` of a core.
    """

    look_sec: float = 10.0
    cpu_share: float = 0.001
    black_sec: float = 30.0
    black_luma: float = 12.0
    frozen_sec: float = 120.0
    silent_sec: float = 120.0
    silent_dbfs: float = -60.0
    no_audio_sec: float = 15.0
    sound: Literal["auto", "required", "ignored"] = "auto"


@dataclass(frozen=True, slots=True)
class RecordingSpec:
    """One recording: a lesson's occurrence or one by hand (`course_id` 0).

    `slice_id` groups its slices and survives restarts of recorder and daemon; `next_inx` is the index of the next
    slice.  `planned_start`: when the whole of it was due, also where this process came later; None: at its beginning.
    """

    slice_id: int
    course_id: int
    next_inx: int = 1
    title: str = ""
    planned_start: float | None = None


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """A finished slice on disk: closed, synced, renamed.

    `path` and `thumbnail` are absolute paths (`thumbnail` None where no picture could be made).  `started_at` is the
    wall clock of its first packet; `media_sec` its media length; `overlap_sec` how much of its beginning stands in
    the slice before it, packet for packet; `sha256` in hex over the whole file.  `repaired` marks a slice that a
    crash left open.  `planned_start` and `planned_end` are those of its recording (`SliceMeta`).
    """

    stem: str
    path: str
    thumbnail: str | None
    camera_id: int
    course_id: int
    slice_id: int
    slice_inx: int
    started_at: float
    media_sec: float
    overlap_sec: float
    size: int
    sha256: str
    video: str = ""
    audio: str = ""
    packets: int = 0
    repaired: bool = False
    planned_start: float | None = None
    planned_end: float | None = None
