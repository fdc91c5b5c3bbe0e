"""What depacketisers make: whole frames of one track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from recorder.parameter_sets import Sets


@dataclass(slots=True, eq=False)
class Unit:
    """A whole frame with its RTP stamp. Nothing is made of a frame with a hole: it counts as `lost`, in RTP packets,
    in front of the next whole one.

    `duration` in ticks of the track's clock, 0 for "not known".  `sets`: parameter sets that came with the frame.
    """

    data: bytes
    stamp: int
    is_key: bool
    lost: int = 0
    duration: int = 0
    sets: Sets | None = None


class Depacketiser(Protocol):
    """Puts the payloads of one track together.

    The payload is a view into a buffer that is used again: `settle` is called before that, and copies what is kept.
    """

    def push(self, payload: memoryview | bytes, stamp: int, marker: int, lost: int) -> Sequence[Unit]:
        """The frames that are whole now; `lost` packets never came in front of this one. Raises `NotOurs`."""
        ...

    def settle(self) -> None:
        """Keep nothing of the buffer."""
        ...
