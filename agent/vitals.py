"""How the daemon itself is: its event loop's lag, steps of the wall clock, its processor time and memory."""

from __future__ import annotations

import os
import resource
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

STEP_SEC = 1.0
"""A wall clock that moves by more than this against the monotonic one was set; less is NTP's slewing."""
WINDOW_SEC = 60.0


@dataclass(slots=True)
class LoopLag:
    """How late the event loop was, as far as somebody who asked to be woken can tell."""

    longest: float = 0.0
    """Since the start, seconds."""
    _recent: deque[tuple[float, float]] = field(default_factory=deque)

    def woke(self, now: float, late_sec: float) -> None:
        """Called so late, seconds, at `now` (monotonic)."""
        late_sec = max(0.0, late_sec)
        self.longest = max(self.longest, late_sec)
        while self._recent and self._recent[0][0] <= now - WINDOW_SEC:
            self._recent.popleft()
        while self._recent and self._recent[-1][1] <= late_sec:
            self._recent.pop()  # what was shorter and earlier will never be the longest again
        self._recent.append((now, late_sec))

    @property
    def of_last_minute(self) -> float:
        """The longest of the last minute, seconds."""
        return self._recent[0][1] if self._recent else 0.0


@dataclass(slots=True)
class ClockSteps:
    """Notices when somebody sets the wall clock."""

    count: int = 0
    _offset: float | None = None

    def look(self, wall: float, monotonic: float) -> float | None:
        """By how many seconds the wall clock was set since the last look; None when it was not.

        `monotonic` must count through suspend (`CLOCK_BOOTTIME`): a machine that slept was not set.
        """
        offset = wall - monotonic
        before, self._offset = self._offset, offset
        if before is None or abs(offset - before) < STEP_SEC:
            return None
        self.count += 1
        return offset - before


@dataclass(frozen=True, slots=True)
class Consumption:
    """Of the daemon's own process, without recorders: CPU seconds since its start, resident bytes, open descriptors."""

    cpu_sec: float
    resident_bytes: int
    descriptors: int


def consumption() -> Consumption:
    """As the kernel counts it, proc(5)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    descriptors = len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - the one that lists is not counted
    return Consumption(used.ru_utime + used.ru_stime, pages * resource.getpagesize(), descriptors)
