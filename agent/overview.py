"""What the daemon says about itself: to people as a `DaemonView`, to the server as hello and status report."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

from agent import __version__
from agent.clock import Clock
from agent.fleet import Fleet
from agent.journal import Journal, JournalThread, SliceState
from agent.link.server import ServerLink
from agent.state import AgentState
from agent.status import DaemonView, LessonView, QueueView
from agent.uploads import Uploads
from agent.wire.models import CameraStatus, Hello, StatusReport

NEXT_LESSONS = 5
LOOK_AHEAD_SEC = 7 * 86_400


class Overview:
    """One look at all rooms. The spool's counts are kept beside the journal, so that a look never waits for the disk.

    `slices` lies on the disk whose free space is told; `label` is what the agent is called where the server does not
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
        slices: Path,
        label: str,
        server: str,
    ) -> None:
        self.link: ServerLink | None = None
        """The link to the server, once there is one."""
        self._state, self._journal, self._fleet, self._uploads, self._clock = state, journal, fleet, uploads, clock
        self._zone, self._slices, self._label, self._server = zone, slices, label, server
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
            )
            for camera_id, channel in sorted(self._fleet.channels.items())
        )

    def hello(self) -> Hello:
        """The agent's first words on the relay."""
        known = self._state.known
        return Hello(gather_id=known.gather_id, rev=known.rev, version=__version__, cameras=self.cameras())

    def status_report(self) -> StatusReport:
        """That we live, and how."""
        queue = self.queue()
        return StatusReport(
            cameras=self.cameras(),
            queue_files=queue.recorded + queue.uploaded,
            queue_bytes=queue.waiting_bytes,
            disk_free=shutil.disk_usage(self._slices).free,
        )

    # -- for people

    async def look(self) -> DaemonView:
        """Everything at this moment, the spool counted for the occasion."""
        await self.refresh()
        return self.view()

    def view(self) -> DaemonView:
        """Everything at this moment."""
        link = self.link.state if self.link else "offline"
        known, now = self._state.known, self._clock.wall()
        lessons = self._state.timetable(self._zone()).lessons_between(now, now + LOOK_AHEAD_SEC)
        wanted = self._state.wanted
        return DaemonView(
            now=now,
            version=__version__,
            pid=os.getpid(),
            gather_id=known.gather_id,
            name=known.gather.name_set or self._label,
            server=self._server,
            link=link,
            link_detail="" if self.link is None or link == "connected" else self.link.detail,
            timezone=str(self._zone()),
            channels=tuple(
                channel.view(wanted.get(camera_id, True)) for camera_id, channel in sorted(self._fleet.channels.items())
            ),
            next_lessons=tuple(
                LessonView(
                    camera_id=lesson.course.camera_id,
                    camera_name=self._fleet.name_of(lesson.course.camera_id),
                    course_id=lesson.course.course_id,
                    title=lesson.course.title,
                    start=lesson.start,
                    end=lesson.end,
                )
                for lesson in [lesson for lesson in lessons if lesson.start > now][:NEXT_LESSONS]
            ),
            queue=self.queue(),
            disk_free=shutil.disk_usage(self._slices).free,
            alarms=tuple(self._fleet.alarms(now)),
        )
