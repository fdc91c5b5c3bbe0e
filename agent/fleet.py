"""All channels: what should run is asked again at every turn, and brought about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import tzinfo

from agent.channel import Channel
from agent.clock import Clock
from agent.journal import Journal, JournalThread
from agent.lessons import Now
from agent.reconciler import OFF, Desired, Due, due_lesson, next_turn, what_should_run
from agent.state import AgentState
from agent.wire.models import WireCamera
from recorder.protocol import GapFound
from recorder.specs import Tuning

log = logging.getLogger(__name__)

ALARM_SEC = 10.0
"""A recording that is due and has got no packet for this long is not going on."""


class Fleet:
    """The channels of this agent. `wake_at` is told the next instant at which the answer may be another one."""

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
    ) -> None:
        self.channels: dict[int, Channel] = {}
        self.desired: dict[int, Desired] = {}
        self.turned_at: float | None = None
        """When it last came round, monotonic."""
        self._state, self._journal, self._clock, self._make_channel = state, journal, clock, make_channel
        self._zone, self._wake_at, self._names = zone, wake_at, names
        self._turn = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._accounted: set[str] = set()

    def wake(self) -> None:
        """Ask again."""
        self._turn.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._turn.wait()
            self._turn.clear()
            await self.reconcile()

    async def account_for_absence(self) -> None:
        """Name what was missed while no agent ran, since it was last known to be alive. Called once, before the first
        turn.
        """
        now = self._clock.wall()
        alive_at = await self._journal.do(Journal.alive, now)
        if alive_at is None or alive_at >= now:
            return
        for lesson in self._state.timetable(self._zone()).lessons_between(alive_at, now):
            due = due_lesson(lesson)
            row = await self._journal.do(Journal.open_recording, due, now)
            since, until = max(lesson.start, alive_at), min(lesson.end, now)
            gap = GapFound(row.slice_id, since, until, "restart", "the agent was not running")
            await self._journal.do(Journal.add_gap, gap)
            if lesson.end <= now:
                await self._journal.do(Journal.end_recording, row.slice_id, lesson.end)

    async def reconcile(self) -> None:
        """One turn: when it returns, every channel has been told."""
        async with self._one_at_a_time:
            now = self._clock.wall()
            timetable, manual = self._state.timetable(self._zone()), self._state.manual
            settings = self._state.known.gather
            self.desired = what_should_run(self._state.wanted, timetable, manual, now, auto_dvr=bool(settings.auto_dvr))
            await self._journal.do(Journal.alive, now)
            await self._account()
            tuning = Tuning(settings.slice_val * 60.0, settings.inter_val, settings.snap_val * 60.0)
            for camera_id, camera in self._state.known.cameras.items():
                self._names[camera_id] = camera.camera_name
                channel = self.channels.get(camera_id)
                if channel is None:
                    channel = self.channels[camera_id] = self._make_channel(camera)
                channel.change(camera)
                channel.want(self.desired.get(camera_id, OFF), tuning)
            await self._close_removed()
            await self._sweep(now)
            self._wake_at(next_turn(timetable, manual, now))
            self.turned_at = self._clock.monotonic()

    async def _account(self) -> None:
        """Every due recording stands in the journal, also one whose camera never answers: what is missing has a place
        to be named.
        """
        due = {item.key: item for desired in self.desired.values() for item in desired.due}
        for key in due.keys() - self._accounted:
            await self._journal.do(Journal.open_recording, due[key], self._clock.wall())
        self._accounted = set(due)

    async def _close_removed(self) -> None:
        removed = [
            self.channels.pop(camera_id) for camera_id in self.channels.keys() - self._state.known.cameras.keys()
        ]
        await asyncio.gather(*(channel.close() for channel in removed))

    async def _sweep(self, now: float) -> None:
        """End recordings in the journal that are neither due nor still with a recorder."""
        alive = {item.key for desired in self.desired.values() for item in desired.due}
        alive.update(key for channel in self.channels.values() for key in channel.recording)
        for row in await self._journal.do(Journal.open_recordings):
            if row.key not in alive:
                over = row.planned_end is not None and row.planned_end <= now
                await self._journal.do(
                    Journal.end_recording, row.slice_id, row.planned_end if over and row.planned_end else now
                )

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
        age = channel.packet_age_sec
        return running is not None and running.began_at is not None and age is not None and age < ALARM_SEC

    async def close(self) -> None:
        """Finish all files, end all recorders."""
        await asyncio.gather(*(channel.close() for channel in self.channels.values()))
