"""The last key-frame groups of a channel in memory: where recordings begin, and snapshots come from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from recorder.stream.timeline import Timed


class _Group:
    """A packet that may open a recording, and everything up to the next one."""

    __slots__ = ("at", "over", "packets", "size")

    def __init__(self, first: Timed) -> None:
        self.at = first.at
        self.packets = [first]
        self.size = len(first.packet.data)
        self.over = False  # the connection that it came by is lost


class Ring:
    """Bounded by `seconds` of media and by `max_bytes`; the newest group stays even when it is longer than `seconds`.

    While something is recorded, `needed_since` says instead of `seconds` what stays: all that came at or after that
    media time, and the group that it lies in.

    A single group larger than `max_bytes` (a camera that never sends key frames) is forgotten: memory stays bounded.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._groups: deque[_Group] = deque()
        self.needed_since: float | None = None
        self.size = 0

    def append(self, timed: Timed) -> None:
        """Take the newest packet. Packets without a key frame in front of them begin nothing and are not kept."""
        groups = self._groups
        size = len(timed.packet.data)
        if timed.opens:
            groups.append(_Group(timed))
        elif groups and not groups[-1].over:
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
        if len(self._groups) < 2:
            return False
        # The second group must reach back far enough before the first may go.
        second = self._groups[1].at
        return now - second >= self._seconds if self.needed_since is None else second <= self.needed_since

    def end_session(self) -> None:
        """The connection is lost: what comes next continues no group, and belongs to another moment."""
        if self._groups:
            self._groups[-1].over = True

    def since(self, at: float) -> list[Timed]:
        """Everything from the last key frame at or before media time `at`; from the oldest where none is old enough.

        A group of a lost connection that ended before `at` does not count: nobody saw what came between.
        """
        groups = list(self._groups)
        begin = 0
        for index, group in enumerate(groups):
            if group.at > at:
                break
            begin = index
        if groups and groups[begin].over and groups[begin].packets[-1].end < at:
            begin += 1
        return [timed for group in groups[begin:] for timed in group.packets]

    def tail(self, most: int, wanted: Callable[[Timed], bool]) -> list[Timed]:
        """The newest packets that are `wanted`, at most `most` of them, the newest last; none of a lost connection."""
        newest: list[Timed] = []
        for group in reversed(self._groups):
            if group.over:
                break
            for timed in reversed(group.packets):
                if len(newest) == most:
                    return newest[::-1]
                if wanted(timed):
                    newest.append(timed)
        return newest[::-1]

    def last_group(self) -> list[Timed]:
        """The newest key frame and what followed it; empty where there is none, or it is of a lost connection."""
        return list(self._groups[-1].packets) if self._groups and not self._groups[-1].over else []
