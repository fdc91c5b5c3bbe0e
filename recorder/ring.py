"""The last key-frame groups of a channel in memory: where recordings begin, and snapshots come from."""

from __future__ import annotations

from collections import deque

from recorder.timeline import Timed


class _Group:
    """A packet that may open a recording, and everything up to the next one."""

    __slots__ = ("at", "packets", "size")

    def __init__(self, first: Timed) -> None:
        self.at = first.at
        self.packets = [first]
        self.size = len(first.packet.data)


class Ring:
    """Bounded by `seconds` of media and by `max_bytes`; the newest group stays even when it is longer than `seconds`.

    A single group larger than `max_bytes` (a camera that never sends key frames) is forgotten: memory stays bounded.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._groups: deque[_Group] = deque()
        self.size = 0

    def append(self, timed: Timed) -> None:
        """Take the newest packet. Packets without a key frame in front of them begin nothing and are not kept."""
        groups = self._groups
        size = len(timed.packet.data)
        if timed.opens:
            groups.append(_Group(timed))
        elif groups:
            groups[-1].packets.append(timed)
            groups[-1].size += size
        else:
            return
        self.size += size
        while groups and self._too_much(timed.at):
            self.size -= groups.popleft().size

    def _too_much(self, now: float) -> bool:
        if self.size > self._max_bytes:
            return True
        # The second group must reach back far enough before the first may go.
        return len(self._groups) > 1 and now - self._groups[1].at >= self._seconds

    def since(self, at: float) -> list[Timed]:
        """Everything from the last key frame at or before media time `at`; from the oldest where none is old enough."""
        begin = 0
        for index, group in enumerate(self._groups):
            if group.at > at:
                break
            begin = index
        groups = list(self._groups)[begin:]
        return [timed for group in groups for timed in group.packets]

    def last_group(self) -> list[Timed]:
        """The newest key frame and what followed it; empty where there is none."""
        return list(self._groups[-1].packets) if self._groups else []

    @property
    def span(self) -> float:
        """Seconds between the oldest and the newest packet."""
        return self._groups[-1].packets[-1].at - self._groups[0].at if self._groups else 0.0
