"""Time as an object, so that tests run a school year in seconds.

Only wall clock and monotonic clock are here; waiting is the event loop's, which a test may run on simulated time as
well.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the daemon's core takes the time from."""

    def wall(self) -> float:
        """Unix seconds. May step, backward too."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step and go on during suspend: every local interval is measured with these."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall(self) -> float:
        """Unix seconds of the system clock."""
        return time.time()

    def monotonic(self) -> float:
        """`CLOCK_BOOTTIME`: monotonic, and counts the time the machine slept."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
