"""The daemon: every room wired to its neighbours, started in the order that loses no lesson.

Config valid → journal open → last known state loaded → due lessons start → then the network.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from tzlocal import get_localzone

from agent import __version__
from agent.background import forever
from agent.channel import Channel, ChannelSetup
from agent.clock import Clock, SystemClock
from agent.commands import Commands
from agent.config.model import Config
from agent.config.paths import control_socket
from agent.disk import DiskPolicy, remove_files, to_remove
from agent.fleet import Fleet
from agent.intake import Intake
from agent.journal import Journal, JournalThread, SliceState
from agent.link.client import ServerClient, tls_context
from agent.link.relay import Relay
from agent.link.server import ServerLink
from agent.local import LocalDoor
from agent.recorders import RecorderHost
from agent.repairs import Repairs
from agent.reports import Reports
from agent.session import Hooks
from agent.state import AgentState
from agent.status import DaemonView, Happening, LessonView, QueueView
from agent.storage.base import Storage
from agent.storage.folder import FolderStorage
from agent.storage.http import HttpStorage
from agent.storage.pace import Pace
from agent.uploads import Uploads
from agent.wakeups import Wakeups
from agent.wire.models import CameraStatus, Hello, StatusReport, Sync
from recorder.protocol import Limits

log = logging.getLogger(__name__)

NEXT_LESSONS = 5
LOOK_AHEAD_SEC = 7 * 86_400
DISK_SEC = 60.0
GIB = 1 << 30


class Daemon:
    """One agent. `on_happening` gets every piece of news, `drain_sec` is how long a stop may wait for uploads under
    way.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        on_happening: Callable[[Happening], None] | None = None,
        drain_sec: float = 0.0,
    ) -> None:
        self.ready = asyncio.Event()
        """Set once lessons are recorded by timetable, whether or not a camera or the server answers."""
        self._config = config
        self._clock = clock or SystemClock()
        self._on_happening = on_happening
        self._drain_sec = drain_sec
        self._slices = config.paths.media / "slices"
        self._snapshots = config.paths.media / "snapshots"
        for folder in (config.paths.state, self._slices, self._snapshots):
            folder.mkdir(parents=True, exist_ok=True)
        self._state = AgentState(config.paths.state)
        self._journal = JournalThread(config.paths.state / "journal.sqlite")
        self._pace = Pace(config.upload.rate_kbit * 125.0, self._clock)
        self._counts: dict[SliceState, int] = {}
        self._waiting: tuple[int, float | None] = (0, None)
        self._counts_stale = asyncio.Event()

    def _build(self) -> None:
        config = self._config
        self._host = RecorderHost()
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        # The rooms that follow know each other only through these calls, made when all of them stand.
        self._wakeups = Wakeups(self._scheduler, self._wake_fleet)
        self._intake = Intake(
            self._journal,
            self._slices,
            wall=self._clock.wall,
            tell=self._tell,
            relay=self._relay_event,
            on_slice=self._slice_added,
            on_report=self._wake_reports,
            on_link=self._status_now,
            on_left_open=self._repair,
        )
        self._repairs = Repairs(self._host, self._slices, self._journal, self._intake.take)
        hooks = Hooks(
            self._intake.take, self._intake.open_recording, self._intake.plan_recording, self._intake.end_recording
        )
        setup = ChannelSetup(
            self._host,
            self._clock,
            self._limits(),
            config.record.transport,
            self._slices,
            self._snapshots,
            hooks,
            on_crash=lambda _: self._repair(),
        )
        self._fleet = Fleet(
            self._state,
            self._journal,
            self._clock,
            make_channel=lambda camera: Channel(camera, setup),
            zone=self.zone,
            wake_at=self._wakeups.at,
            names=self._intake.names,
        )
        self._client = ServerClient(
            config.server.url,
            lambda: self._state.token,
            tls_context(config.server.ca_file),
            config.server.timeout_sec,
        )
        self._uploads = Uploads(
            self._journal,
            self._storage,
            self._clock,
            parallel=config.upload.parallel,
            retry_max_sec=config.upload.retry_max_sec,
            keep_trying=lambda: bool(self._state.known.gather.auto_fds),
            on_uploaded=self._slice_uploaded,
            tell=self._tell,
        )
        self._reports = Reports(
            self._journal,
            self._client,
            self._storage,
            self._clock,
            status=self._status_report,
            on_confirmed=self._counts_stale.set,
            tell=self._tell,
        )
        self._commands = Commands(
            self._state,
            self._fleet.channels,
            self._uploads,
            self._clock,
            reconcile=self._fleet.reconcile,
            view=self.view,
        )
        self._relay = Relay(
            self._client.tls, hello=self._hello, on_sync=self._take_sync, on_command=self._commands.carry_out
        )
        self._link = ServerLink(
            self._client,
            self._relay,
            self._state,
            self._clock,
            name=config.agent.name,
            enrol_key=config.server.enrol_key.get_secret_value(),
            on_registered=self._registered,
            tell=self._tell,
        )
        self._door = LocalDoor(control_socket(config), self.view)

    # -- life

    async def run(self, stop: asyncio.Event) -> None:
        """Record, upload, report until `stop` is set; then finish all files and return."""
        self._build()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._journal.close)
            stack.push_async_callback(self._client.close)
            stack.push_async_callback(self._host.close)
            self._wakeups.start()
            stack.callback(self._wakeups.stop)
            self._repairs.ask()
            await self._fleet.account_for_absence()
            await self._fleet.reconcile()
            await self._door.open()
            stack.push_async_callback(self._door.close)
            await self._refresh_counts()
            self.ready.set()
            async with self._tasks() as upload_tasks:
                await stop.wait()
                log.info("stopping: files are being finished")
                await self._fleet.close()
                await self._journal.do(Journal.alive, self._clock.wall(), exactly=True)
                if upload_tasks:
                    await self._drain()

    @contextlib.asynccontextmanager
    async def _tasks(self) -> AsyncIterator[bool]:
        jobs: dict[str, Callable[[], Awaitable[None]]] = {
            "reconciler": self._fleet.run,
            "repairs": self._repairs.run,
            "counts": self._keep_counts,
            "disk": self._keep_disk,
        }
        served = bool(self._config.server.url)
        if served:
            jobs |= {"link": self._link.run, "uploads": self._uploads.run, "reports": self._reports.run}
        tasks = [asyncio.create_task(forever(name, job), name=name) for name, job in jobs.items()]
        try:
            yield served
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self) -> None:
        """Wait a while for what has just been finished to be uploaded and listed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain_sec):
                while True:
                    self._counts_stale.clear()
                    await self._refresh_counts()
                    if not any(self._counts.get(state) for state in (SliceState.RECORDED, SliceState.UPLOADED)):
                        return
                    await self._counts_stale.wait()

    # -- news

    def _tell(self, happening: Happening) -> None:
        level = logging.WARNING if happening.kind in ("gap", "alarm") else logging.INFO
        log.log(level, "%s", happening.text)
        self._counts_stale.set()
        if self._on_happening is not None:
            self._on_happening(happening)

    def _relay_event(self, name: str, data: dict[str, object]) -> None:
        self._relay.event(name, data)

    def _wake_fleet(self) -> None:
        self._fleet.wake()

    def _wake_reports(self) -> None:
        self._reports.wake()

    def _repair(self) -> None:
        self._repairs.ask()

    def _status_now(self) -> None:
        self._reports.status_now()

    def _slice_added(self) -> None:
        self._counts_stale.set()
        self._uploads.wake()

    def _slice_uploaded(self) -> None:
        self._counts_stale.set()
        self._reports.wake()

    # -- the server's word

    async def _registered(self) -> None:
        self._uploads.wake()
        self._reports.status_now()
        await self._fleet.reconcile()

    async def _take_sync(self, sync: Sync) -> None:
        self._state.take_sync(sync)
        await self._fleet.reconcile()
        self._reports.status_now()

    def _storage(self) -> Storage | None:
        target = self._state.known.storage
        if target.kind == "folder" and target.path:
            return FolderStorage(Path(target.path))
        if target.kind == "http" and target.url:
            return HttpStorage(self._client.http, target.url, lambda: self._state.token, self._pace)
        return None

    def zone(self) -> tzinfo:
        """The zone the timetable is meant in: the config's, else the server's, else this machine's."""
        for name in (self._config.time.zone, self._state.known.timezone):
            if name:
                try:
                    return ZoneInfo(name)
                except (OSError, ValueError, KeyError):
                    log.error("the time zone %r is not known on this machine; the next source is asked", name)
        return get_localzone()

    def _limits(self) -> Limits:
        record = self._config.record
        return Limits(
            connect_sec=record.connect_sec,
            stall_sec=record.stall_sec,
            ring_sec=record.ring_sec,
            ring_bytes=record.ring_mb << 20,
            queue_bytes=record.queue_mb << 20,
            fragment_sec=record.fragment_sec,
            sync_sec=record.sync_sec,
            preroll_sec=record.preroll_sec,
        )

    # -- the disk

    async def _keep_disk(self) -> None:
        policy = DiskPolicy(int(self._config.spool.reserve_gb * GIB), int(self._config.spool.quota_gb * GIB))
        while True:
            free = shutil.disk_usage(self._slices).free
            used, confirmed = await self._journal.do(Journal.on_disk)
            rows = to_remove(policy, free, used, confirmed)
            for stem in await asyncio.to_thread(remove_files, rows):
                await self._journal.do(Journal.advance, stem, SliceState.REMOVED)
            if rows:
                log.info("%d confirmed slices left the local disk to make room", len(rows))
            await asyncio.sleep(DISK_SEC)

    # -- views

    async def _keep_counts(self) -> None:
        while True:
            await self._counts_stale.wait()
            self._counts_stale.clear()
            await self._refresh_counts()

    async def _refresh_counts(self) -> None:
        self._counts = await self._journal.do(Journal.counts)
        self._waiting = await self._journal.do(Journal.waiting)

    def _camera_statuses(self) -> tuple[CameraStatus, ...]:
        wanted = self._state.wanted
        return tuple(
            CameraStatus(
                camera_id=camera_id,
                status=int(channel.online),
                recording=tuple(channel.recording.values()),
                wanted=wanted.get(camera_id, True),
                cause=channel.link.cause,
                detail=channel.link.detail,
                video=channel.link.video,
                audio=channel.link.audio,
            )
            for camera_id, channel in sorted(self._fleet.channels.items())
        )

    def _hello(self) -> Hello:
        known = self._state.known
        return Hello(gather_id=known.gather_id, rev=known.rev, version=__version__, cameras=self._camera_statuses())

    def _queue(self) -> QueueView:
        return QueueView(
            recorded=self._counts.get(SliceState.RECORDED, 0),
            uploaded=self._counts.get(SliceState.UPLOADED, 0),
            confirmed=self._counts.get(SliceState.CONFIRMED, 0) + self._counts.get(SliceState.REMOVED, 0),
            waiting_bytes=self._waiting[0],
            oldest=self._waiting[1],
            error=self._uploads.error,
            paused=self._uploads.paused,
        )

    def _status_report(self) -> StatusReport:
        queue = self._queue()
        return StatusReport(
            cameras=self._camera_statuses(),
            queue_files=queue.recorded + queue.uploaded,
            queue_bytes=queue.waiting_bytes,
            disk_free=shutil.disk_usage(self._slices).free,
        )

    def view(self) -> DaemonView:
        """Everything, for people."""
        known, now = self._state.known, self._clock.wall()
        lessons = self._state.timetable(self.zone()).lessons_between(now, now + LOOK_AHEAD_SEC)
        wanted = self._state.wanted
        return DaemonView(
            now=now,
            version=__version__,
            pid=os.getpid(),
            gather_id=known.gather_id,
            name=known.gather.name_set or self._config.agent.name,
            server=self._config.server.url,
            link=self._link.state,
            link_detail="" if self._link.state == "connected" else self._link.detail,
            timezone=str(self.zone()),
            channels=tuple(
                channel.view(wanted.get(camera_id, True)) for camera_id, channel in sorted(self._fleet.channels.items())
            ),
            next_lessons=tuple(
                LessonView(
                    camera_id=lesson.course.camera_id,
                    camera_name=self._intake.names.get(lesson.course.camera_id, ""),
                    course_id=lesson.course.course_id,
                    title=lesson.course.title,
                    start=lesson.start,
                    end=lesson.end,
                )
                for lesson in [lesson for lesson in lessons if lesson.start > now][:NEXT_LESSONS]
            ),
            queue=self._queue(),
            disk_free=shutil.disk_usage(self._slices).free,
            alarms=tuple(self._fleet.alarms(now)),
        )
