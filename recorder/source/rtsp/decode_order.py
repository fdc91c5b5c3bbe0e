"""Decode stamps for pictures, of which RTP tells only when they are shown.

A picture that is shown before another may stand behind it in the stream (B-frames), behind `depth` others at most.
Then the n-th picture is decoded when the n-th shown is due, `depth` pictures earlier than it would be without.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

PROBE = 8
"""So many pictures tell the depth where the parameter sets do not."""
MOST_GUESSED = 4
"""No deeper is a depth taken for that shows itself only later: encoders put in B-frames when the picture calms down."""
_JUMP_SEC = 5.0
_NEAR_SEC = 1.0


def depth_of(shown: Iterable[int]) -> int:
    """The depth that these stamps, in the order of the stream, need."""
    stamps = list(shown)
    return max((sum(earlier > stamp for earlier in stamps[:at]) for at, stamp in enumerate(stamps)), default=0)


class DecodeOrder:
    """Stamps in ticks of `rate`; `step` is how far pictures lie apart, as far as is known.

    `first` are the stamps of the first `depth` + 1 pictures, where they are known: with an open GOP the key frame
    is not the first to be shown.  `guessed`: the depth is what these have shown, and may grow.
    """

    def __init__(self, depth: int, rate: int, step: int, first: Iterable[int] = (), *, guessed: bool = False) -> None:
        self.depth = depth
        self._earliest = min(first, default=None)
        self._jump, self._near = round(_JUMP_SEC * rate), round(_NEAR_SEC * rate)
        self._step = step
        self._recent: deque[int] | None = deque(maxlen=PROBE) if guessed else None
        self._waiting: list[int] = []
        self._last: int | None = None
        self._given: int | None = None

    def place(self, pts: int) -> int:
        """The decode stamp of the next picture in the stream.

        It never lies behind `pts`, but for the first pictures that show a `guessed` depth to be too small: stamps that
        were given cannot be taken back.
        """
        if self._last is not None and abs(pts - self._last) > self._jump:
            self._waiting.clear()  # the camera's clock jumped
            self._earliest = self._given = None
        self._last = pts
        if self._recent is None:
            return self._next(pts)
        # A stamp that lies farther back is a clock that was set.
        behind = sum(pts < earlier < pts + self._near for earlier in self._recent)
        self.depth = max(self.depth, min(behind, MOST_GUESSED))
        self._recent.append(pts)
        wanted = self._next(pts)
        self._given = wanted if self._given is None else max(wanted, self._given + 1)
        return self._given

    def _next(self, pts: int) -> int:
        if not self.depth:
            return pts
        heapq.heappush(self._waiting, pts)
        missing = self.depth + 1 - len(self._waiting)
        if missing > 0:
            earliest = self._waiting[0] if self._earliest is None else self._earliest
            return earliest - missing * self._step
        return heapq.heappop(self._waiting)
