"""Simulated time: a clock, and an event loop on which waiting costs nothing.

The loop asks its selector to wait; here the wait is granted at once and the clock moves instead. Everything that
waits by the loop (asyncio, APScheduler's asyncio scheduler) runs on simulated time, unchanged.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any

import apscheduler.executors.base
import apscheduler.schedulers.base
import pytest


class SimulatedClock:
    """Wall and monotonic time that only `pass_` and `step` move."""

    def __init__(self, wall: float) -> None:
        self._wall_offset = wall
        self._now = 0.0

    def wall(self) -> float:
        return self._wall_offset + self._now

    def monotonic(self) -> float:
        return self._now

    def pass_(self, seconds: float) -> None:
        """Time goes by."""
        self._now += seconds

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._wall_offset += seconds


class _Selector(selectors.SelectSelector):
    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # No socket is asked: asking costs more than most of what the loop then does, and none is part of this.
        if timeout is None:
            raise RuntimeError("simulated time stands still: nothing is planned and everybody waits")
        if timeout > 0:
            self._clock.pass_(timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a `SimulatedClock`'s."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock
        # asyncio calls what is due before now plus this. From 2**24 s on (194 days), a double has no room for the
        # nanosecond that it takes the real clock to have: nothing would ever be due, and simulated time stands still.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._clock.monotonic()

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Real work takes no simulated time: it is done at once."""
        done: asyncio.Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is whoever waits for it that gets it
            done.set_exception(error)
        return done


@contextmanager
def scheduler_on(clock: SimulatedClock) -> Iterator[None]:
    """APScheduler reads the wall clock by `datetime.now`; inside this block it reads the simulated one."""

    class SimulatedDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(clock.wall(), tz or UTC)

    with pytest.MonkeyPatch.context() as patch:
        for module in (apscheduler.schedulers.base, apscheduler.executors.base):
            patch.setattr(module, "datetime", SimulatedDatetime)
        yield
