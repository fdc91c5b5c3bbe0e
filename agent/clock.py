"""Time as an object, so that tests run a school year in seconds.

Only wall clock and monotonic clock are here; waiting is the event loop's, which a test may run on simulated time as
well.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import logging
import os
import time
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger(__name__)


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


def read_both(clock: Clock) -> tuple[float, float]:
    """Wall and monotonic clock of one moment, so that a pause of this process between the two looks like no step."""
    for _ in range(5):
        before, wall, after = clock.monotonic(), clock.wall(), clock.monotonic()
        if after - before < 0.05:
            break
    return wall, after


class StepNotice:
    """Calls back as soon as somebody sets the system's wall clock (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`).

    Where the kernel or the C library offers none, `open` says so in the log, and a stepped clock is noticed at the next
    look (`wakeups.LOOK_SEC`).
    """

    _CANCEL_ON_SET = 3  # TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET
    _FAR_SEC = 10 * 365 * 86_400

    def __init__(self, on_step: Callable[[], None]) -> None:
        self._on_step = on_step
        self._descriptor = -1

    def open(self) -> None:
        """Begin; needs a running event loop."""
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            self._descriptor = _checked(libc.timerfd_create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC))
            self._settime = libc.timerfd_settime
            self._arm()
        except (OSError, AttributeError) as error:
            self.close()
            log.info("the kernel does not tell when the clock is set (%s); it is looked at every few seconds", error)
            return
        asyncio.get_running_loop().add_reader(self._descriptor, self._readable)

    def _arm(self) -> None:
        # struct itimerspec: interval and value, each seconds and nanoseconds; the instant itself never comes.
        spec = (ctypes.c_long * 4)(0, 0, int(time.time()) + self._FAR_SEC, 0)
        _checked(self._settime(self._descriptor, self._CANCEL_ON_SET, ctypes.byref(spec), None))

    def _readable(self) -> None:
        try:
            os.read(self._descriptor, 8)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return
        with contextlib.suppress(OSError):
            self._arm()
        self._on_step()

    def close(self) -> None:
        """No more calls."""
        if self._descriptor >= 0:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
