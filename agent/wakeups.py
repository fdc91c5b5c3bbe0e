"""When to ask again what should run: APScheduler says so at the timetable's edges, and every few seconds whatever
happens.

The plan itself is `reconciler.what_should_run`; a wake-up that comes late, twice or not at all changes nothing but
the moment.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

LOOK_SEC = 5
"""The longest that a stepped clock, a resumed machine or a lost timer goes unnoticed."""


class Wakeups:
    """Calls `wake` at the instant last given to `at`, and every `look_sec`."""

    def __init__(self, scheduler: BaseScheduler, wake: Callable[[], None], look_sec: int = LOOK_SEC) -> None:
        self._scheduler = scheduler
        self._wake = wake
        self._look_sec = look_sec

    def start(self) -> None:
        """Begin; needs the running event loop that the scheduler belongs to."""
        self._scheduler.add_job(
            self._call,
            IntervalTrigger(seconds=self._look_sec, timezone=UTC),
            id="look",
            coalesce=True,
            misfire_grace_time=None,
        )
        self._scheduler.start()

    async def _call(self) -> None:
        # A coroutine, because the scheduler runs plain functions in a thread, where no event of the loop may be set.
        self._wake()

    def at(self, instant: float | None) -> None:
        """Wake at this instant (Unix seconds), instead of the one before; None: nothing is planned."""
        if instant is None:
            if self._scheduler.get_job("edge") is not None:
                self._scheduler.remove_job("edge")
            return
        # A millisecond late on purpose: clocks are read with different roundings, and a wake-up a hair before its
        # instant would find nothing changed. A recorder's ring reaches back further.
        moment = datetime.fromtimestamp(instant + 0.001, UTC)
        self._scheduler.add_job(
            self._call, DateTrigger(moment, timezone=UTC), id="edge", replace_existing=True, misfire_grace_time=None
        )

    def stop(self) -> None:
        """No more wake-ups."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
