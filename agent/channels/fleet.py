"""All channels: what should run is asked again at every turn, and brought about."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from datetime import tzinfo

from agent.channels.channel import Channel, ChannelSetup
from agent.channels.view import Now
from agent.clock import Clock, read_both
from agent.journal import Journal, JournalThread
from agent.reminders import Reminders
from agent.schedule.absence import Absence, Presence
from agent.schedule.ledger import Span
from agent.schedule.plan import Plan, Standing
from agent.schedule.reconciler import OFF, Desired, Due, due_lesson
from agent.schedule.timetable import Timetable
from agent.schedule.wakeups import LOOK_SEC
from agent.state import AgentState
from agent.vitals import ClockSteps
from agent.wire.models import WireCamera
from recorder.specs import Tuning

log = logging.getLogger(__name__)

ALARM_SEC = 10.0
"""A recording that is due and has got no packet for this long is not going on."""
SWEEP_SEC = 60.0
MISSED_AT_ONCE = 500
"""Lessons that one transaction of the journal takes: what is due now waits no longer for it."""


class Fleet:
    """The channels of this agent. `wake_at` is told the next instant at which the answer may be another one; `wake` is
    called at least every `look_sec`.
    """

    def __init__(
        self,
        state: AgentState,
        journal: JournalThread,
        clock: Clock,
        *,
        make_channel: Callable[[WireCamera], Channel],
        zone: Callable[[], tzinfo],
        wake_at: Callable[[float | None], None],
        names: dict[int, str],
        look_sec: float = LOOK_SEC,
    ) -> None:
        self.channels: dict[int, Channel] = {}
        self.turned_at: float | None = None
        """When it last came round, monotonic."""
        self._state, self._journal, self._clock, self._make_channel = state, journal, clock, make_channel
        self._zone, self._wake_at, self._names = zone, wake_at, names
        self.journal_error = ""
        """Why the journal could not be written at the last turn, empty where it could."""
        self._turn = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._accounted: dict[str, Due] = {}
        self._presence, self._steps = Presence(look_sec), ClockSteps()
        self._until: float | None = None
        self._swept_at, self._something_left = -math.inf, False
        self._plan = Plan()
        self._standing: tuple[int, tzinfo, Standing] | None = None
        self._tuning = Tuning()
        self._unaccounted: set[int] = set()
        self._owed: Span | None = None
        self._reminders = Reminders(clock.monotonic)
        self._next_wake: float | None = None

    @property
    def desired(self) -> dict[int, Desired]:
        """What each channel should do, by camera id."""
        return self._plan.desired

    def wake(self) -> None:
        """Ask again."""
        self._turn.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._turn.wait()
            self._turn.clear()
            await self.reconcile()

    async def reconcile(self) -> None:
        """One turn: when it returns, every channel has been told, and the journal has what was missed."""
        async with self._one_at_a_time:
            await self._state.read_timetable(self._zone(), self._clock.wall())
            now, monotonic = read_both(self._clock)
            stepped_sec = self._steps.look(now, monotonic) or 0.0
            if stepped_sec:
                log.warning("the clock was set by %+.1f s: what should run is asked anew", stepped_sec)
                self._state.clock_was_set(stepped_sec, now)
            passed_under, standing, edited = self._what_holds()
            moved = self._plan.look(standing, now)
            if stepped_sec or self._plan.next_edge != self._next_wake:
                self._next_wake = self._plan.next_edge
                self._wake_at(None if math.isinf(self._next_wake) else self._next_wake)
            # At an edge those are told that it is about; every look, at the latest, tells all of them.
            cameras = self._state.known.cameras
            for camera_id in moved if moved and not edited else cameras:
                channel = self.channels.get(camera_id)
                if channel is None:
                    channel = self.channels[camera_id] = self._make_channel(cameras[camera_id])
                channel.change(cameras[camera_id])
                channel.want(self.desired.get(camera_id, OFF), self._tuning)
            removed = await self._close_removed() if edited else set()
            self._something_left = self._something_left or edited
            self._unaccounted |= {*moved, *removed}
            try:
                await self._keep_account(passed_under, now, monotonic, stepped_sec)
            except sqlite3.Error as error:
                self.journal_error = str(error)
                if self._reminders.is_news("journal", str(error)):
                    log.error("the journal cannot be written: %s; lessons are recorded, and entered when it can", error)
            else:
                self.journal_error = ""
                if self._reminders.over("journal"):
                    log.warning("the journal can be written again")
            self.turned_at = self._clock.monotonic()

    async def _keep_account(self, passed_under: Timetable, now: float, monotonic: float, stepped_sec: float) -> None:
        absence = await self._look(now, monotonic, stepped_sec)
        missed = absence.missed
        if missed is not None and self._owed is not None:
            missed = replace(missed, cause=missed.cause or self._owed.cause, detail=missed.detail or self._owed.detail)
        self._owed = missed
        if self._unaccounted or (missed is not None and missed.cause):
            await self._account(passed_under, self._unaccounted, now, missed)
            self._unaccounted.clear()
        self._owed = None
        if absence.until is not None:
            self._until = absence.until
            await self._journal.do(Journal.watched, absence.until)
        await self._sweep(now, monotonic)

    def _what_holds(self) -> tuple[Timetable, Standing, bool]:
        """The timetable under which passed what passed until now; what holds from now on; whether that is new."""
        before, zone = self._standing, self._zone()
        if before is not None and before[:2] == (self._state.revision, zone):
            return before[2].timetable, before[2], False
        settings = self._state.known.gather
        standing = Standing(
            self._state.wanted, self._state.timetable(zone), tuple(self._state.manual), bool(settings.auto_dvr)
        )
        self._standing = (self._state.revision, zone, standing)
        self._tuning = Tuning(settings.slice_val * 60.0, settings.inter_val, settings.snap_val * 60.0)
        for camera_id, camera in self._state.known.cameras.items():
            self._names[camera_id] = camera.camera_name
        return (standing if before is None else before[2]).timetable, standing, True

    async def _look(self, now: float, monotonic: float, stepped_sec: float) -> Absence:
        if self._until is None:
            self._until = await self._journal.do(Journal.watched_until)
        return self._presence.look(self._until, now, monotonic, stepped_sec)

    async def _account(self, timetable: Timetable, moved: Set[int], now: float, missed: Span | None) -> None:
        """Every due recording stands in the journal, also one whose camera never answers and one that was over before
        anybody looked: what is missing has a place to be named. `moved`: the channels at which something begins or
        ends.
        """
        due = {item.key: item for desired in self.desired.values() for item in desired.due}
        if missed is not None:
            unseen = list(self._missed(timetable, moved, now, missed))
            for at in range(0, len(unseen), MISSED_AT_ONCE):
                await self._journal.do(Journal.account_missed, unseen[at : at + MISSED_AT_ONCE], now)
            if unseen and missed.cause:
                log.warning("%d lessons were missed, wholly or in part: %s", len(unseen), missed.detail)
        new = [item for key, item in due.items() if self._accounted.get(key) != item]
        if new:
            await self._journal.do(Journal.open_all, new, now)
        self._something_left = self._something_left or not self._accounted.keys() <= due.keys()
        self._accounted = due

    def _missed(self, timetable: Timetable, moved: Set[int], now: float, missed: Span) -> Iterator[tuple[Due, Span]]:
        for camera_id in timetable.channels if missed.cause else timetable.channels.keys() & moved:
            for lesson in timetable.channels[camera_id].lessons_between(missed.since, missed.until):
                since, until = max(lesson.start, missed.since), min(lesson.end, missed.until)
                if missed.cause:
                    yield due_lesson(lesson), replace(missed, since=since, until=until)
                elif lesson.end <= now and lesson.key not in self._accounted:
                    yield due_lesson(lesson), Span(since, until, "late", "it was over before the agent got to it")

    async def _close_removed(self) -> set[int]:
        removed = self.channels.keys() - self._state.known.cameras.keys()
        await asyncio.gather(*(self.channels.pop(camera_id).close() for camera_id in removed))
        return removed

    async def _sweep(self, now: float, monotonic: float) -> None:
        """End recordings in the journal that are neither due nor still with a recorder: when one is due no more, and
        once a minute, for those whose recorder never came to say so, and for what a repair has found.
        """
        if not self._something_left and monotonic < self._swept_at + SWEEP_SEC:
            return
        self._something_left, self._swept_at = False, monotonic
        alive = set(self._accounted)
        alive.update(*(channel.recording_keys for channel in self.channels.values()))
        # Begun before a restart that found a wrong clock: it goes on when the clock is right.
        alive.update(one.key for one in self._state.manual if one.begin > now)
        for row in await self._journal.do(Journal.open_recordings):
            if row.key not in alive:
                over = row.planned_end is not None and row.planned_end <= now
                await self._journal.do(
                    Journal.end_recording, row.slice_id, row.planned_end if over and row.planned_end else now
                )

    def adopt(self, setup: ChannelSetup) -> None:
        """Every channel is read and written by these settings from its next connection on (`Channel.adopt`)."""
        for channel in self.channels.values():
            channel.adopt(setup)

    def retry(self) -> None:
        """Sources that are away are tried again now (`Channel.retry`)."""
        for channel in self.channels.values():
            channel.retry()

    def name_of(self, camera_id: int) -> str:
        """What people call the channel."""
        return self._names.get(camera_id, "")

    def due_now(self) -> dict[str, Now]:
        """The recordings that should be on, by key, and how they fare."""
        found = {}
        for camera_id, desired in self.desired.items():
            channel = self.channels.get(camera_id)
            for item in desired.due:
                if channel is None:
                    found[item.key] = Now(False, cause="restart", detail="no recorder")
                else:
                    link = channel.link
                    found[item.key] = Now(
                        self._records(channel, item), channel.packet_age_sec, link.cause or "late", link.detail
                    )
        return found

    @staticmethod
    def _records(channel: Channel, item: Due) -> bool:
        running = channel.running(item.key)
        age, most = channel.packet_age_sec, max(ALARM_SEC, channel.heap_sec)
        return running is not None and running.began_at is not None and age is not None and age < most

    async def close(self) -> None:
        """Finish all files, end all recorders, and note until when lessons are accounted for."""
        await asyncio.gather(*(channel.close() for channel in self.channels.values()))
        now, monotonic = read_both(self._clock)
        try:
            absence = await self._look(now, monotonic, self._steps.look(now, monotonic) or 0.0)
            if absence.until is not None and not (absence.missed and absence.missed.cause):
                await self._journal.do(Journal.watched, absence.until, exactly=True)
        except sqlite3.Error as error:
            log.error("until when lessons are accounted for cannot be noted: %s", error)

    def journal_is_new(self) -> None:
        """Whatever was entered is to be entered again: the journal was damaged, and another one was begun."""
        self._accounted = {}
        self._unaccounted = set(self.channels)
        self.wake()
