"""Decode stamps for pictures, of which RTP tells only when they are shown.

A picture that is shown before another may stand behind it in the stream (B-frames), behind `depth` others at most.
Then the n-th picture is decoded when the n-th shown is due, `depth` pictures earlier than it would be without.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

PROBE = 8
"""So many pictures tell the depth where the parameter sets do not."""
_JUMP_SEC = 5.0


def depth_of(shown: Iterable[int]) -> int:
    """The depth that these stamps, in the order of the stream, need."""
    stamps = list(shown)
    return max((sum(earlier > stamp for earlier in stamps[:at]) for at, stamp in enumerate(stamps)), default=0)


class DecodeOrder:
    """Stamps in ticks of `rate`; `step` is how far pictures lie apart, as far as is known.

    `first` are the stamps of the first `depth` + 1 pictures, where they are known: with an open GOP the key frame
    is not the first to be shown.
    """

    def __init__(self, depth: int, rate: int, step: int, first: Iterable[int] = ()) -> None:
        self.depth = depth
        self._earliest = min(first, default=None)
        self._jump = round(_JUMP_SEC * rate)
        self._step = step
        self._waiting: list[int] = []
        self._last = 0
        self._count = 0

    def place(self, pts: int) -> int:
        """The decode stamp of the next picture in the stream, never behind `pts`."""
        if not self.depth:
            return pts
        if self._count and abs(pts - self._last) > self._jump:
            self._waiting.clear()  # the camera's clock jumped
            self._count = 0
            self._earliest = None
        self._last = pts
        heapq.heappush(self._waiting, pts)
        self._count += 1
        missing = self.depth + 1 - self._count
        if missing > 0:
            earliest = self._waiting[0] if self._earliest is None else self._earliest
            return earliest - missing * self._step
        return heapq.heappop(self._waiting)
