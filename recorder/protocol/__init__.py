"""What the daemon and a recorder process say to each other: one JSON object a line over a socket pair.

`{"type": "<snake_case class name>", ...fields}`.  The daemon sends orders, the recorder sends events.  The first
order is always `OpenChannel`.  When the socket ends, the recorder closes its files and exits: a recorder never
outlives its daemon.

Times named `*_at` and `since`/`until` are wall clock, Unix seconds as float; lengths named `*_sec` are seconds as
float.
"""

from recorder.protocol.codec import decode, encode
from recorder.protocol.events import (
    AlarmCleared,
    AlarmRaised,
    Event,
    GapFound,
    LinkChanged,
    LiveChanged,
    LivePulse,
    Pulse,
    RecordingBegan,
    RecordingEnded,
    RepairBegan,
    RepairDone,
    SliceClosed,
    SliceOpened,
    SnapshotTaken,
    SourceProbed,
    Trouble,
)
from recorder.protocol.orders import (
    BeginRecording,
    CloseChannel,
    EndRecording,
    FeedLive,
    MoveEnd,
    NeedMain,
    OpenChannel,
    Order,
    ProbeSource,
    PushLive,
    RepairFolder,
    Retune,
    SetReconnect,
    TakeSnapshot,
)

__all__ = [
    "AlarmCleared",
    "AlarmRaised",
    "BeginRecording",
    "CloseChannel",
    "EndRecording",
    "Event",
    "FeedLive",
    "GapFound",
    "LinkChanged",
    "LiveChanged",
    "LivePulse",
    "MoveEnd",
    "NeedMain",
    "OpenChannel",
    "Order",
    "ProbeSource",
    "Pulse",
    "PushLive",
    "RecordingBegan",
    "RecordingEnded",
    "RepairBegan",
    "RepairDone",
    "RepairFolder",
    "Retune",
    "SetReconnect",
    "SliceClosed",
    "SliceOpened",
    "SnapshotTaken",
    "SourceProbed",
    "TakeSnapshot",
    "Trouble",
    "decode",
    "encode",
]
