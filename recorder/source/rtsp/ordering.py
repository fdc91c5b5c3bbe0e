"""Puts the RTP packets of one track in their order, passes each on once, and counts those that never came.

Sequence numbers have 16 bits (RFC 3550, 5.1).  A packet that is ahead waits for those in front of it, as long as
`PATIENCE_SEC` or `DEPTH` packets, then they count as lost.  A number far off is a stray; two in a row (RFC 3550, A.1)
are a camera that counts anew.
"""

from __future__ import annotations

from typing import NamedTuple

DEPTH = 128
PATIENCE_SEC = 0.6
"""Twice the time between two looks at the socket and more: what comes in one batch late on is in time."""
MAX_DROPOUT = 3000
MAX_MISORDER = 1000
_MASK = 0xFFFF


class Arrived(NamedTuple):
    """A packet in its place; `lost` never came in front of it."""

    lost: int
    stamp: int
    marker: int
    payload: bytes | memoryview


class Ordering:
    """`expected` is the next sequence number, -1 before the first packet; `holding` whether packets wait.

    The usual packet, the expected one while nothing waits, needs no call: whoever sees it only moves `expected` on.
    """

    def __init__(self) -> None:
        self.expected = -1
        self.holding = False
        self.lost = 0
        self.duplicates = 0
        self.restarts = 0
        self._held: dict[int, tuple[float, int, int, bytes]] = {}  # the first that came first
        self._stray = -1

    def add(self, sequence: int, stamp: int, marker: int, payload: memoryview | bytes, now: float) -> list[Arrived]:
        """What can be passed on now that this packet has come, at monotonic `now`."""
        if self.expected < 0:
            self.expected = sequence
        ahead = (sequence - self.expected) & _MASK
        if ahead == 0:
            self.expected = (sequence + 1) & _MASK
            return [Arrived(0, stamp, marker, payload), *self._following()]
        if ahead > _MASK - MAX_MISORDER:
            self.duplicates += 1  # or it comes too late, which was counted as lost
            return []
        if ahead > MAX_DROPOUT:
            return self._far_off(sequence, stamp, marker, payload)
        self._stray = -1
        if sequence in self._held:
            self.duplicates += 1
            return []
        self._held[sequence] = (now, stamp, marker, bytes(payload))
        self.holding = True
        return self._give_up() if len(self._held) > DEPTH else self.overdue(now)

    def overdue(self, now: float) -> list[Arrived]:
        """What has waited long enough."""
        released: list[Arrived] = []
        while self._held and now - next(iter(self._held.values()))[0] >= PATIENCE_SEC:
            released += self._give_up()
        return released

    def restart(self) -> list[Arrived]:
        """Another source sends from now on: whatever waits goes, and the next packet is the first."""
        released = []
        while self._held:
            released += self._give_up()
        self.expected = self._stray = -1
        return released

    def _give_up(self) -> list[Arrived]:
        """The first hole stays one."""
        first = min(self._held, key=lambda sequence: (sequence - self.expected) & _MASK)
        lost = (first - self.expected) & _MASK
        self.lost += lost
        self.expected = (first + 1) & _MASK
        _, stamp, marker, payload = self._held.pop(first)
        return [Arrived(lost, stamp, marker, payload), *self._following()]

    def _following(self) -> list[Arrived]:
        released = []
        while (waiting := self._held.pop(self.expected, None)) is not None:
            released.append(Arrived(0, *waiting[1:]))
            self.expected = (self.expected + 1) & _MASK
        self.holding = bool(self._held)
        return released

    def _far_off(self, sequence: int, stamp: int, marker: int, payload: memoryview | bytes) -> list[Arrived]:
        if sequence != self._stray:
            self._stray = (sequence + 1) & _MASK
            return []
        released = self.restart()
        self.restarts += 1
        self.lost += 1  # the one that was taken for a stray
        self.expected = (sequence + 1) & _MASK
        return [*released, Arrived(1, stamp, marker, payload)]
