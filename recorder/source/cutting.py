"""Ends a libav read that blocks, from outside: by shutting its sockets down.

libav checks its own time limits only between waits, twice over, and not at all while anything still trickles in.  Its
interrupt callback costs a third more CPU through PyAV, and closing a container under a read crashes.  But a socket may
be shut down by anybody who has it: the read then ends as if the camera had hung up.  The sockets are found among the
process's descriptors: those of TCP that came while the source was opening, one source at a time.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")
_POLL_SEC = 0.2
_NAP_SEC = 0.5
_FROZEN_SEC = 1.0
"""A nap that took so much longer: the process did not run, and what came meanwhile was not yet looked at."""
_opening = threading.Lock()


class Connections:
    """The TCP connections of one source. `cut` may be called by any thread, as often as it likes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: frozenset[int] | None = None
        self._ours: frozenset[int] = frozenset()

    @contextlib.contextmanager
    def opening(self, check: Callable[[], None]) -> Iterator[None]:
        """While inside, every TCP socket that appears is ours; `check` may raise to give up waiting to enter."""
        while not _opening.acquire(timeout=_POLL_SEC):
            check()
        try:
            with self._lock:
                self._before = frozenset(_tcp_sockets())
            try:
                yield
            finally:
                with self._lock:
                    self._ours = frozenset(_tcp_sockets()) - self._before
                    self._before = None
        finally:
            _opening.release()

    def cut(self) -> None:
        """Shut our connections down in both directions."""
        with self._lock:
            inodes = self._ours if self._before is None else frozenset(_tcp_sockets()) - self._before
            for inode, connection in _duplicates():
                if inode in inodes:
                    with contextlib.suppress(OSError):  # not connected yet, or already gone
                        connection.shutdown(socket.SHUT_RDWR)


def _tcp_sockets() -> set[int]:
    return {inode for inode, _ in _duplicates()}


def _duplicates() -> Iterator[tuple[int, socket.socket]]:
    """Each TCP socket of this process by its inode, as a duplicate that is closed when the next one is asked for."""
    for entry in list(_DESCRIPTORS.iterdir()):
        try:
            if not str(entry.readlink()).startswith("socket:"):
                continue
            # A duplicate cannot be closed and its number given to another file under our hands.
            duplicate = os.dup(int(entry.name))
        except OSError:
            continue  # closed meanwhile
        try:
            connection = socket.socket(fileno=duplicate)
        except OSError:  # the number stood for another kind of file after all
            os.close(duplicate)
            continue
        with connection:
            if connection.family in (socket.AF_INET, socket.AF_INET6) and connection.type == socket.SOCK_STREAM:
                yield os.fstat(duplicate).st_ino, connection


class Watchdog:
    """Cuts connections when somebody has waited for them too long.

    A thread of its own between `start` and `stop`.  The waiting thread says `waiting(limit_sec)` before it blocks and
    `done` after; `tripped` tells whether a wait was cut.
    """

    def __init__(self, connections: Connections, monotonic: Callable[[], float]) -> None:
        self._connections = connections
        self._monotonic = monotonic
        self._deadline: float | None = None
        self._frozen_sec = 0.0  # since `waiting`: the source was not silent then, nobody listened
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="source watchdog", daemon=True)
        self.tripped = False

    def start(self) -> None:
        self._thread.start()

    def waiting(self, limit_sec: float) -> None:
        """From now on at most `limit_sec`."""
        self._frozen_sec = 0.0
        self._deadline = self._monotonic() + limit_sec

    def done(self) -> None:
        """The wait is over."""
        self._deadline = None

    def stop(self) -> None:
        """End the thread. Called once, after `start`."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        left, now = 0.0, self._monotonic()
        # Asleep until the deadline, looking in between: a packet is waited for less long than a connection.
        while not self._stopping.wait(nap := min(left, _NAP_SEC) if left > 0 else _POLL_SEC):
            fell_asleep, now = now, self._monotonic()
            if now - fell_asleep - nap > _FROZEN_SEC:
                self._frozen_sec += now - fell_asleep
            deadline = self._deadline
            left = deadline + self._frozen_sec - now if deadline is not None else 0.0
            if deadline is not None and left <= 0:
                self.tripped = True
                self._connections.cut()
