"""What waits for a viewer's line that may be slow: bounded, and when it runs over, the viewer jumps to a newer picture.
No I/O.
"""

from __future__ import annotations

from collections import deque

from recorder.stream.timeline import Lineup, Timed


class Backlog:
    """Packets on their way out, at most `max_bytes` of them, none older than `max_wait_sec`.

    A packet that does not fit throws everything away that waits: who is late is not interested in what was.  It goes
    on with the next key frame, as it does after a change of connection.  Times are monotonic seconds.
    """

    def __init__(self, max_bytes: int, max_wait_sec: float) -> None:
        self._max_bytes = max_bytes
        self._max_wait_sec = max_wait_sec
        self._waiting: deque[tuple[float, Timed]] = deque()
        self._lineup: Lineup | None = None
        self._key_frame_next = True
        self._late = False
        self.size = 0
        self.skipped = 0
        """Packets that were thrown away because the line was slow."""

    def put(self, timed: Timed, now: float) -> None:
        """A new packet."""
        if self._lineup is None or self._lineup.session != timed.lineup.session:
            self._key_frame_next, self._late = True, False
        self._lineup = timed.lineup
        if self._too_much(len(timed.packet.data), now):
            self.skipped += len(self._waiting)
            self._waiting.clear()
            self.size = 0
            self._key_frame_next = self._late = True
        if len(timed.packet.data) > self._max_bytes:
            self._key_frame_next = self._late = True
        elif timed.opens:
            self._key_frame_next = self._late = False
        if self._key_frame_next:
            self.skipped += self._late
            return
        self._waiting.append((now, timed))
        self.size += len(timed.packet.data)

    def take(self) -> Timed | None:
        """The next packet; None where none waits."""
        if not self._waiting:
            return None
        _, timed = self._waiting.popleft()
        self.size -= len(timed.packet.data)
        return timed

    def restart(self) -> None:
        """What comes next is another stream of the channel: it begins with a key frame, and nothing older is sent."""
        self._waiting.clear()
        self.size = 0
        self._key_frame_next = True

    def _too_much(self, more: int, now: float) -> bool:
        if not self._waiting:
            return False
        return self.size + more > self._max_bytes or now - self._waiting[0][0] > self._max_wait_sec
