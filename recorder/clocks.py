"""The clock by which everything inside a recorder is measured."""

from __future__ import annotations

import time


def monotonic() -> float:
    """`CLOCK_BOOTTIME` in seconds: never steps, and counts the time that the machine slept.

    `CLOCK_MONOTONIC` stands still meanwhile: an hour of suspend would be missing from media time, and from no gap
    record.  Arrivals, gaps, limits and back-offs are measured with this one clock, so that they can be compared.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)
