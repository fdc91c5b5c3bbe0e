"""What the daemon says about itself: to people as a `DaemonView`, to the server as hello and status report."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

from agent import __version__
from agent.background import with_pauses
from agent.channels.fleet import Fleet
from agent.channels.view import view_of
from agent.clock import Clock
from agent.journal import Journal, JournalThread, SliceState
from agent.link.server import ServerLink
from agent.spool.uploads import Uploads
from agent.spool.view import upload_views, waiting_rows
from agent.state import AgentState
from agent.status import (
    AlarmView,
    CamerasView,
    ChannelView,
    DaemonView,
    DiskView,
    LessonOutcome,
    LessonsView,
    LessonView,
    LiveView,
    QueueView,
    UploadsView,
)
from agent.view.lessons import each_outcome, in_order, read_between
from agent.wire.models import CameraStatus, ChannelAlarm, Hello, StatusReport

NEXT_LESSONS = 5
CHANNELS_AT_ONCE = 10
LESSONS_AT_ONCE = 50
"""Of these, one or two milliseconds' worth between two turns of the event loop."""


class Overview:
    """One look at all rooms. The spool's counts are kept beside the journal, so that a look never waits for the disk.

    `disk` is the disk of the recordings, `closed_until()` when uploads may
    go again; `label` is what the agent is called where the server does not
    say.
    """

    def __init__(
        self,
        state: AgentState,
        journal: JournalThread,
        fleet: Fleet,
        uploads: Uploads,
        clock: Clock,
        *,
        zone: Callable[[], tzinfo],
        disk: Callable[[], DiskView],
        closed_until: Callable[[], float | None],
        label: str,
        server: str,
    ) -> None:
        self.live: Callable[[int], LiveView | None] = lambda _: None
        """Who is being shown a channel, once that can be known."""
        self.link: ServerLink | None = None
        """The link to the server, once there is one."""
        self.alarms: Callable[[], tuple[AlarmView, ...]] = tuple
        """What stands wrong, once somebody watches."""
        self._state, self._journal, self._fleet, self._uploads, self._clock = state, journal, fleet, uploads, clock
        self._zone, self._disk, self._closed_until = zone, disk, closed_until
        self._label, self._server = label, server
        self._counts: dict[SliceState, int] = {}
        self._waiting: tuple[int, float | None] = (0, None)
        self._stale = asyncio.Event()

    # -- the spool's counts

    def changed(self) -> None:
        """Something happened that may have moved a slice."""
        self._stale.set()

    async def keep(self) -> None:
        """Keep the counts, until cancelled."""
        while True:
            await self.refresh()
            await self._stale.wait()

    async def refresh(self) -> None:
        """Count anew."""
        self._stale.clear()
        self._counts = await self._journal.do(Journal.counts)
        self._waiting = await self._journal.do(Journal.waiting)

    async def drained(self) -> None:
        """Wait until every slice is confirmed."""
        while True:
            await self.refresh()
            if not any(self._counts.get(state) for state in (SliceState.RECORDED, SliceState.UPLOADED)):
                return
            await self._stale.wait()

    def queue(self) -> QueueView:
        """How far slices are."""
        return QueueView(
            recorded=self._counts.get(SliceState.RECORDED, 0),
            uploaded=self._counts.get(SliceState.UPLOADED, 0),
            confirmed=self._counts.get(SliceState.CONFIRMED, 0) + self._counts.get(SliceState.REMOVED, 0),
            waiting_bytes=self._waiting[0],
            oldest=self._waiting[1],
            error=self._uploads.error,
            paused=self._uploads.paused,
            opens_at=self._closed_until(),
        )

    # -- for the server

    def cameras(self) -> tuple[CameraStatus, ...]:
        """Every channel."""
        wanted = self._state.wanted
        return tuple(
            CameraStatus(
                camera_id=camera_id,
                status=int(channel.online),
                recording=tuple(channel.recording.values()),
                wanted=wanted.get(camera_id, True),
                cause=channel.shown_link.cause,
                detail=channel.shown_link.detail,
                video=channel.shown_link.video,
                audio=channel.shown_link.audio,
                alarms=tuple(
                    ChannelAlarm(
                        kind=alarm.kind, since=alarm.since, detail=alarm.detail, why=alarm.why, figures=alarm.figures
                    )
                    for alarm in self.alarms()
                    if alarm.camera_id == camera_id
                ),
            )
            for camera_id, channel in sorted(self._fleet.channels.items())
        )

    def hello(self) -> Hello:
        """The agent's first words on the relay."""
        known = self._state.known
        return Hello(gather_id=known.gather_id, rev=known.rev, version=__version__, cameras=self.cameras())

    def status_report(self) -> StatusReport:
        """That we live, and how."""
        queue, disk = self.queue(), self._disk()
        return StatusReport(
            cameras=self.cameras(),
            queue_files=queue.recorded + queue.uploaded,
            queue_bytes=queue.waiting_bytes,
            queue_oldest=queue.oldest,
            queue_error=queue.error or self._fleet.journal_error,
            queue_paused=queue.paused,
            disk_free=disk.free,
            disk_total=disk.total,
            disk_state=disk.state,
        )

    # -- for people

    async def look(self) -> DaemonView:
        """Everything at this moment, the spool counted for the occasion."""
        with contextlib.suppress(sqlite3.Error):  # the counts stay; `journal_error` says it
            await self.refresh()
        return self.view()

    async def lessons(self) -> LessonsView:
        """What became, and is to become, of today's lessons."""
        view, by_day = self.lessons_by_day(None, 1)
        return view.model_copy(update={"lessons": tuple([one async for some in by_day for one in some])})

    def lessons_by_day(
        self, first: date | None, days: int
    ) -> tuple[LessonsView, AsyncIterator[tuple[LessonOutcome, ...]]]:
        """What became, and is to become, of the lessons that begin on `days` days from `first` (None: today): the view
        without them, and then they themselves, day by day, because a month of a big school is tens of thousands.
        """
        zone, now = self._zone(), self._clock.wall()
        first = first or datetime.fromtimestamp(now, UTC).astimezone(zone).date()
        view = LessonsView(
            now=now,
            first_day=first.isoformat(),
            last_day=(first + timedelta(days=days - 1)).isoformat(),
            timezone=str(zone),
        )
        midnights = [
            datetime.combine(first + timedelta(days=ahead), time(), tzinfo=zone).timestamp()
            for ahead in range(days + 1)
        ]
        return view, self._by_day(midnights, now)

    async def _by_day(self, midnights: Sequence[float], now: float) -> AsyncIterator[tuple[LessonOutcome, ...]]:
        timetable, due_now, names = self._state.timetable(self._zone()), self._fleet.due_now(), self._names()
        for since, until in pairwise(midnights):
            kept = await self._journal.do(read_between, since, until)
            channels = with_pauses(timetable.channels.values(), CHANNELS_AT_ONCE)
            lessons = [lesson async for one in channels for lesson in one.starting_between(since, until)]
            found = with_pauses(each_outcome(lessons, kept, due_now, names, now), LESSONS_AT_ONCE)
            yield in_order([one async for one in found])

    def camera_views(self) -> CamerasView:
        """All channels at this moment."""
        return CamerasView(now=self._clock.wall(), cameras=self._channel_views())

    async def uploads_view(self) -> UploadsView:
        """The queue with its files."""
        await self.refresh()
        now, queue = self._clock.wall(), self.queue()
        rows = await self._journal.do(waiting_rows)
        files = upload_views(
            rows, self._names(), now, tries=self._uploads.tries(), busy=self._uploads.under_way, paused=queue.paused
        )
        return UploadsView(now=now, queue=queue, files=files, more=queue.recorded + queue.uploaded - len(files))

    def _names(self) -> dict[int, str]:
        return {camera_id: camera.camera_name for camera_id, camera in self._state.known.cameras.items()}

    def _channel_views(self) -> tuple[ChannelView, ...]:
        wanted = self._state.wanted
        return tuple(
            view_of(channel, wanted=wanted.get(camera_id, True), live=self.live(camera_id))
            for camera_id, channel in sorted(self._fleet.channels.items())
        )

    def view(self) -> DaemonView:
        """Everything at this moment."""
        link = self.link.state if self.link else "offline"
        known, now = self._state.known, self._clock.wall()
        return DaemonView(
            now=now,
            version=__version__,
            pid=os.getpid(),
            gather_id=known.gather_id,
            name=known.gather.name_set or self._label,
            server=self._server,
            link=link,
            link_cause="" if self.link is None or link == "connected" else self.link.cause,
            link_detail="" if self.link is None or link == "connected" else self.link.detail,
            clock_off_sec=0.0 if self.link is None else self.link.clock_off_sec,
            has_twin=self.link is not None and self.link.has_twin,
            timezone=str(self._zone()),
            channels=self._channel_views(),
            next_lessons=tuple(
                LessonView(
                    camera_id=lesson.course.camera_id,
                    camera_name=self._fleet.name_of(lesson.course.camera_id),
                    course_id=lesson.course.course_id,
                    title=lesson.course.title,
                    start=lesson.start,
                    end=lesson.end,
                )
                for lesson in self._state.timetable(self._zone()).upcoming(now, NEXT_LESSONS)
            ),
            queue=self.queue(),
            disk_free=self._disk().free,
            disk=self._disk(),
            alarms=self.alarms(),
            journal_error=self._fleet.journal_error,
        )
