"""Tracks and packets: what every source delivers and everything behind it passes on, never changed in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Literal

TrackKind = Literal["video", "audio"]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One track of a source, compared by identity: new parameter sets make a new Track.

    `index` is its place in the source (the same before and after a change of parameter sets), `codec` libav's short
    name (h264, hevc, mjpeg, av1, aac, ...), `extradata` the parameter sets as the container wants them.  `template`
    is the PyAV stream whose parameters a muxer copies; it stays readable for as long as the Track lives.
    """

    index: int
    kind: TrackKind
    codec: str
    time_base: Fraction
    extradata: bytes = b""
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    channels: int = 0
    template: Any = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """For people: `h264 1920x1080`, `aac 48000 Hz 2 ch`."""
        if self.kind == "video":
            return f"{self.codec} {self.width}x{self.height}"
        return f"{self.codec} {self.sample_rate} Hz {self.channels} ch"


@dataclass(slots=True, eq=False)
class Packet:
    """One compressed frame, shared by ring, slices and live, and so never changed.

    The type checker sees to that: a frozen dataclass takes twice as long to make, and each packet is made three times.

    `pts` and `dts` count in `track.time_base`; None where the source gave none (behind `timeline` neither is ever
    None, and `dts` rises strictly within a track).  `duration` may be 0 for "not known".  `arrival` is the monotonic
    clock in seconds.  `lost` counts what the network lost between the packet of this track before and this one,
    where the source can tell: RTP packets.
    """

    track: Final[Track]
    data: Final[bytes]
    pts: Final[int | None]
    dts: Final[int | None]
    duration: Final[int]
    is_key: Final[bool]
    arrival: Final[float]
    lost: Final[int] = 0
