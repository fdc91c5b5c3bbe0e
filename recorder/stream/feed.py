"""Between the reader and the writer: the ring, and a queue bounded in bytes that the reader never waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum, auto

from recorder.stream.ring import Ring
from recorder.stream.timeline import Timed

Command = Callable[[], None]


class Mark(Enum):
    """What stands in the queue besides packets and commands."""

    OVERFLOW = auto()  # at both ends of a hole; the packet behind it is a key frame


Item = Timed | Command | Mark


class Feed:
    """The reader puts, the writer takes; commands go the same way as packets and keep their order among them.

    The writer is woken by commands only and fetches packets in batches: four wake-ups a second instead of one a packet.
    """

    def __init__(self, ring: Ring, queue_bytes: int) -> None:
        self._ring = ring
        self._queue_bytes = queue_bytes
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._items: list[Item] = []
        self._open = False
        self._dropping = False
        self._commanded = False
        self._taps: tuple[Callable[[Timed], None], ...] = ()
        self.queued_bytes = 0

    def put(self, timed: Timed) -> None:
        """A packet, for the ring and, while anything is recorded, for the writer.

        When the queue is full, the rest of the key-frame group goes, and whole groups until half the queue is free.
        """
        size = len(timed.packet.data)
        with self._lock:  # `_changed` is the same, through two calls more
            self._ring.append(timed)
            for tap in self._taps:
                tap(timed)
            if not self._open:
                return
            if self._dropping and timed.opens and self.queued_bytes + size <= self._queue_bytes // 2:
                self._dropping = False
                self._items.append(Mark.OVERFLOW)  # for a recording that began meanwhile
            elif not self._dropping and self.queued_bytes + size > self._queue_bytes:
                self._dropping = True
                self._items.append(Mark.OVERFLOW)
            if not self._dropping:
                self._items.append(timed)
                self.queued_bytes += size

    def command(self, command: Command) -> None:
        """Have the writer do this after everything that was put before."""
        with self._changed:
            self._items.append(command)
            self._commanded = True
            self._changed.notify()

    def take(self, timeout: float) -> list[Item]:
        """What waits, after a command came or `timeout` seconds passed; `done` must follow for every packet."""
        with self._changed:
            if not self._commanded:
                self._changed.wait(timeout)
            self._commanded = False
            items, self._items = self._items, []
        return items

    def done(self, timed: Timed) -> None:
        """A taken packet needs no memory any more."""
        with self._lock:
            self.queued_bytes -= len(timed.packet.data)

    def since(self, at: float) -> list[Timed]:
        """From the last key frame at or before media time `at`, out of the ring; later ones come by the queue."""
        with self._changed:
            self._open = True
            return self._ring.since(at)

    def source_lost(self) -> None:
        """What is put from now on comes by another connection."""
        with self._changed:
            self._ring.end_session()

    def rest(self) -> None:
        """Nothing is recorded: packets go to the ring only."""
        with self._changed:
            self._open = self._dropping = False
            self._ring.needed_since = None

    def need(self, since: float) -> None:
        """While something is recorded: keep in the ring what came at or after this media time, and no more."""
        with self._changed:
            self._ring.needed_since = since

    def tail(self, most: int, wanted: Callable[[Timed], bool]) -> list[Timed]:
        """The newest packets of this kind, at most so many, the newest last."""
        with self._changed:
            return self._ring.tail(most, wanted)

    def attach(self, tap: Callable[[Timed], None]) -> None:
        """Give the newest key frame with what followed it to `tap`, and every packet that comes; it must not wait."""
        with self._changed:
            for timed in self._ring.last_group():
                tap(timed)
            self._taps = (*self._taps, tap)

    @property
    def watched(self) -> bool:
        """Whether anything hangs on it."""
        return bool(self._taps)

    def detach(self, tap: Callable[[Timed], None]) -> None:
        """No more packets for `tap`."""
        with self._changed:
            self._taps = tuple(one for one in self._taps if one != tap)

    def last_group(self) -> list[Timed]:
        """The newest key frame and what followed it."""
        with self._changed:
            return self._ring.last_group()
