"""Where slices are cut: decided packet by packet, for one recording.

Limits stand on a grid counted in media time from the recording's first packet, so that they never drift; the cut is
made at the first key frame at or after a limit.  With an overlap of n the next slice begins with the n key-frame groups
in front of the cut, video and audio as they came.  Packets go, in the order in which they came, to the slice that is
open then: nothing is lost or doubled at a cut, and sound that comes a little behind its picture opens the next file.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from recorder.stream.timeline import Lineup, Timed

Reason = Literal["limit", "lost", "codec"]

_EPSILON = 1e-4  # seconds: stamps are ticks, the grid is not


class Fate(Enum):
    """What becomes of a packet that cuts nothing."""

    WRITE = auto()
    SKIP = auto()


@dataclass(frozen=True, slots=True)
class Cut:
    """The open slice, if any, ends for `reason`.

    With `opens` another begins: with the packets of `overlap`, which stand in the one before too, and then the packet
    that was fed.  Without, the packet is not recorded: nothing can begin with it.
    """

    reason: Reason
    opens: bool
    overlap: tuple[Timed, ...] = ()

    @property
    def overlap_sec(self) -> float:
        """Media length of the overlap."""
        leading = [timed for timed in self.overlap if timed.leads]
        return max(timed.end for timed in leading) - leading[0].at if leading else 0.0


class Slicer:
    """The slices of one recording.

    `slice_sec` 0 makes one file; `inter_val` is the overlap in key-frame groups, bounded by `overlap_bytes`, of which
    `held_bytes` are in use.
    """

    def __init__(self, slice_sec: float, inter_val: int, overlap_bytes: int = 64 << 20) -> None:
        self._slice_sec = slice_sec
        self._inter_val = inter_val
        self._overlap_bytes = overlap_bytes
        self._origin: float | None = None
        self._limit = math.inf
        self._last = 0.0
        self._lineup: Lineup | None = None  # of the open slice; None while none is open
        self._groups: deque[list[Timed]] = deque()  # the last groups of the open slice
        self.held_bytes = 0

    def retune(self, slice_sec: float, inter_val: int) -> None:
        """New values from the next packet on; the grid still counts from the recording's start. An overlap that becomes
        longer begins with the groups that are held, and is whole from the cut after the next one on.
        """
        self._inter_val = inter_val
        if slice_sec != self._slice_sec:
            self._slice_sec = slice_sec
            if self._origin is not None:
                self._set_limit(self._last)

    def close(self) -> None:
        """The open slice was ended from outside (source lost, disk failed): the next packet that can open one does."""
        self._lineup = None
        self._forget()

    def feed(self, timed: Timed) -> Fate | Cut:
        """What becomes of the next packet."""
        if timed.lineup is self._lineup and not timed.opens and self._groups:
            self._last = timed.at
            self._groups[-1].append(timed)
            self.held_bytes += len(timed.packet.data)
            if self.held_bytes > self._overlap_bytes:
                self._hold_less()
            return Fate.WRITE
        cut = self._cut(timed)
        if cut is None:
            if self._lineup is None:
                return Fate.SKIP
            self._remember(timed)
            return Fate.WRITE
        self._forget()
        self._lineup = timed.lineup if cut.opens else None
        if cut.opens:
            for one in (*cut.overlap, timed):
                self._remember(one)
            self._set_limit(timed.at)
        return cut

    def _cut(self, timed: Timed) -> Cut | None:
        current, lineup = self._lineup, timed.lineup
        if current is None:
            return Cut("lost", opens=True) if timed.opens else None
        if lineup is not current:
            if lineup.session != current.session:
                return Cut("lost", opens=timed.opens)
            if timed.opens or lineup.video not in current.tracks:
                return Cut("codec", opens=timed.opens)
            # Only the sound changed, within a group: the new slice repeats the picture from the last key frame on.
            group = tuple(t for t in self._groups[-1] if t.leads) if self._groups else ()
            return Cut("codec", opens=bool(group), overlap=group)
        if timed.opens and timed.at >= self._limit - _EPSILON:
            return Cut("limit", opens=True, overlap=self._overlap())
        return None

    def _overlap(self) -> tuple[Timed, ...]:
        groups = list(self._groups)[-self._inter_val :] if self._inter_val else []
        return tuple(timed for group in groups for timed in group)

    def _set_limit(self, at: float) -> None:
        if self._origin is None:
            self._origin = at
        if self._slice_sec <= 0:
            self._limit = math.inf
            return
        passed = math.floor((at - self._origin + _EPSILON) / self._slice_sec)
        self._limit = self._origin + (passed + 1) * self._slice_sec

    def _remember(self, timed: Timed) -> None:
        self._last = timed.at
        if timed.opens:
            self._groups.append([timed])
        elif self._groups:
            self._groups[-1].append(timed)
        else:
            return  # of a group that was too large to be held
        self.held_bytes += len(timed.packet.data)
        self._hold_less()

    def _hold_less(self) -> None:
        while len(self._groups) > max(1, self._inter_val) or self.held_bytes > self._overlap_bytes:
            self.held_bytes -= sum(len(old.packet.data) for old in self._groups.popleft())

    def _forget(self) -> None:
        self._groups.clear()
        self.held_bytes = 0
