"""When to ask again what should run: APScheduler says so at the timetable's edges, and the event loop every few seconds
whatever happens.

The plan itself is `reconciler.what_should_run`; a wake-up that comes late, twice or not at all changes nothing but
the moment.

The looks are the loop's (monotonic) and no interval job of APScheduler's: such a job counts in wall-clock time, stands
still for an hour when the clock is set back by one, and with a clock set from 1970 to today lists every one of the 350
million looks that it has missed (calculated; the simulated school year hung in it with 3.11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger

LOOK_SEC = 5
"""The longest that a stepped clock, a resumed machine or a lost timer goes unnoticed."""


class _Edge(BaseTrigger):  # type: ignore[misc]
    """For a job that is told its next time whenever there is one, and stays for the next: making it anew each time
    costs three times as much.
    """

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now + timedelta(days=365)


class Wakeups:
    """Calls `wake` at the instant last given to `at`, and every `look_sec`."""

    def __init__(self, scheduler: BaseScheduler, wake: Callable[[], None], look_sec: float = LOOK_SEC) -> None:
        self._scheduler = scheduler
        self._wake = wake
        self._look_sec = look_sec
        self._next_look: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; needs the running event loop that the scheduler belongs to."""
        self._scheduler.start()
        self._scheduler.add_job(self._call, _Edge(), id="edge", misfire_grace_time=None, next_run_time=None)
        self._plan_look()

    def _plan_look(self) -> None:
        self._next_look = asyncio.get_running_loop().call_later(self._look_sec, self._look)

    def _look(self) -> None:
        self._plan_look()
        self._wake()

    async def _call(self) -> None:
        # A coroutine, because the scheduler runs plain functions in a thread, where no event of the loop may be set.
        self._wake()

    def at(self, instant: float | None) -> None:
        """Wake at this instant (Unix seconds), instead of the one before; None: nothing is planned."""
        # A millisecond late on purpose: clocks are read with different roundings, and a wake-up a hair before its
        # instant would find nothing changed. A recorder's ring reaches back further.
        moment = None if instant is None else datetime.fromtimestamp(instant + 0.001, UTC)
        if self._scheduler.running:
            self._scheduler.modify_job("edge", next_run_time=moment)

    def stop(self) -> None:
        """No more wake-ups."""
        if self._next_look is not None:
            self._next_look.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
