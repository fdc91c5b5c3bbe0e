"""A recorder process whose calls to the disk fail on demand, for slices alone.

    python -m tests.faults.faulty_recorder FD ORDERS

While the file ORDERS exists it says `<call> <errno> <times>`: the next so many of these calls fail with it.  A sync
that fails takes with it what was written since the last one, as the kernel does.  Every sync, failed or not, is noted
in ORDERS.log as `<errno> <path>`.

Where it says `kill <n>` from the start, the process dies (SIGKILL) in front of its n-th call, which is noted last.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder import disk_calls
from recorder.process.worker import run


class Faults:
    """Stands between the recorder and the system."""

    def __init__(self, orders: Path) -> None:
        self._orders = orders
        self._log = orders.with_suffix(".log")
        self._left: dict[str, int] = {}
        self._synced: dict[str, int] = {}
        words = orders.read_text().split() if orders.exists() else []
        self._calls_left = int(words[1]) if words[:1] == ["kill"] else -1
        for name in ("pwrite", "pwritev", "fdatasync", "fsync", "rename"):
            setattr(disk_calls, name, self._failing(name, getattr(disk_calls, name)))

    def _failing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            path = _path(arguments[0])
            if "/slices" in path:
                self._count(name, path)
            number = self._ordered(name) if "/slices" in path else 0
            if name == "fdatasync":
                self._note(arguments[0], path, number)
            if number:
                raise OSError(number, os.strerror(number))
            return real(*arguments)

        return call

    def _count(self, name: str, path: str) -> None:
        self._calls_left -= 1
        if self._calls_left == 0:
            with self._log.open("a") as file:
                file.write(f"{name} {path}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def _note(self, descriptor: int, path: str, number: int) -> None:
        with self._log.open("a") as file:
            file.write(f"{number} {path}\n")
        if number:
            os.ftruncate(descriptor, self._synced.get(path, 0))
        else:
            self._synced[path] = os.fstat(descriptor).st_size

    def _ordered(self, name: str) -> int:
        try:
            words = self._orders.read_text().split()
        except FileNotFoundError:
            self._left.clear()
            return 0
        if len(words) != 3 or words[0] != name:
            return 0
        self._left.setdefault(name, int(words[2]))
        if self._left[name] == 0:
            return 0
        self._left[name] -= 1
        return int(words[1])


def _path(what: object) -> str:
    return str(Path(f"/proc/self/fd/{what}").readlink()) if isinstance(what, int) else str(what)


if __name__ == "__main__":
    Faults(Path(sys.argv[2]))
    run(socket.socket(fileno=int(sys.argv[1])))
    sys.stderr.flush()
    os._exit(0)
