"""The clock: against the server's, and whether anything keeps it right."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator

from agent.config import zones
from agent.doctor.findings import Finding, error, ok, warning

TOLERATED_SEC = 5.0
"""HTTP's Date counts whole seconds, and an answer takes its time."""
WRONG_SEC = 30.0
OLDEST_YEAR = 2024
_TIME_ERROR = 5
_TIMEX_BYTES = 512  # struct timex of adjtimex(2) has 208


def check_clock(offset_sec: float | None, synchronised: bool | None, now: float) -> Iterator[Finding]:
    """`offset_sec`: how far this clock is ahead of the server's, None when unknown; `synchronised` by the kernel."""
    year = time.gmtime(now).tm_year
    if year < OLDEST_YEAR:
        yield error("clock_absurd", year=year)
    elif offset_sec is not None and abs(offset_sec) > TOLERATED_SEC:
        ahead = offset_sec > 0
        said = {"direction": "ahead of" if ahead else "behind", "direction_zh": "快" if ahead else "慢"}
        severe = error if abs(offset_sec) > WRONG_SEC else warning
        yield severe("clock_off", offset=f"{abs(offset_sec):.0f}", **said)
    elif offset_sec is not None:
        yield ok("clock_well", offset=f"{abs(offset_sec):.0f}")
    if synchronised is False:
        yield warning("clock_free")
    elif synchronised:
        yield ok("clock_synchronised")


def check_zone(name: str) -> Iterator[Finding]:
    """The server's zone."""
    if name and not zones.known(name):
        yield warning("zone_unknown", name)


def kernel_synchronised() -> bool | None:
    """Whether the kernel calls its clock synchronised (adjtimex(2), as timedatectl has it); None when it cannot say."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
