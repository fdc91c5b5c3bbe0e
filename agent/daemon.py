"""The daemon: every room wired to its neighbours, started in the order that loses no lesson.

Config valid → journal open → last known state loaded → due lessons start → then the network.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from agent.background import forever
from agent.channels.channel import Channel, ChannelSetup
from agent.channels.fleet import Fleet
from agent.channels.intake import Intake
from agent.channels.network import NetworkNotice
from agent.channels.recorders import RecorderHost
from agent.channels.repairs import Repairs
from agent.channels.session import Hooks
from agent.clock import Clock, StepNotice, SystemClock
from agent.commands import Commands
from agent.config.model import Config
from agent.config.paths import control_socket
from agent.journal import JournalThread
from agent.link.client import ServerClient, tls_context, tls_everywhere
from agent.link.relay import Relay
from agent.link.server import ServerLink
from agent.live import Lives, LiveSetup
from agent.local import LocalDoor
from agent.monitoring.readiness import Readiness
from agent.monitoring.tally import Tally
from agent.monitoring.watch import Watch
from agent.mqtt.bridge import MqttBridge
from agent.onvif.devices import Devices
from agent.page.server import PageServer, Rooms
from agent.reports import Reports
from agent.schedule.edits import edits
from agent.schedule.wakeups import Wakeups
from agent.settings import Settings
from agent.spool.disk import Coming
from agent.spool.disk_keeper import DiskKeeper, coming
from agent.spool.media import Media
from agent.spool.uploads import Uploads
from agent.state import AgentState
from agent.status import DaemonView, Happening
from agent.storage.base import Storage
from agent.storage.choice import own_storage, storage_for
from agent.storage.pace import Pace
from agent.view.overview import Overview
from agent.wire.models import Sync
from recorder.protocol import Event
from recorder.specs import Limits

log = logging.getLogger(__name__)


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
        self._clock = clock or SystemClock()
        self._on_happening, self._drain_sec = on_happening, drain_sec
        self._slices = config.paths.media / "slices"
        self._snapshots = config.paths.media / "snapshots"
        config.paths.state.mkdir(parents=True, exist_ok=True)
        self._tally = Tally()
        self._mqtt: MqttBridge | None = None
        self._state = AgentState(config.paths.state, behind=True)
        self._media = Media(
            config.paths.media,
            (self._slices, self._snapshots),
            lambda: self._state.known.media_apart,
            self._state.remember_media,
        )
        self._settings = Settings(config, self._state, self._clock)
        self._journal = JournalThread(config.paths.state / "journal.sqlite")
        self._pace = Pace(self._settings.upload_rate(), self._clock)

    async def _build(self) -> None:
        config = self.config
        # In a thread: the system's authorities take a while to read.
        tls, tls_everybody = await asyncio.gather(
            asyncio.to_thread(tls_context, config.server.ca_file),
            asyncio.to_thread(tls_everywhere, config.server.ca_file),
        )
        self._host = RecorderHost()
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        # The rooms that follow know each other only through these calls, made when all of them stand.
        self._wakeups = Wakeups(self._scheduler, self._wake_fleet)
        self._step_notice = StepNotice(self._wake_fleet)
        self._network_notice = NetworkNotice(self._network_came)
        self._intake = Intake(
            self._journal,
            self._slices,
            clock=self._clock,
            tell=self._tell,
            relay=self._relay_event,
            on_slice=self._slice_added,
            on_report=self._wake_reports,
            on_link=self._status_now,
            on_left_open=self._repair,
        )
        self._repairs = Repairs(self._host, self._slices, self._journal, self._intake.take)
        hooks = Hooks(
            self._take_event, self._intake.open_recording, self._intake.plan_recording, self._intake.end_recording
        )
        self._devices = Devices(config.paths.state, lambda: self._state.known.gather, self._clock.monotonic)
        self._setup = self._settings.of_channels(
            ChannelSetup(
                self._host,
                self._clock,
                Limits(),
                config.record.transport,
                self._slices,
                self._snapshots,
                hooks,
                on_crash=lambda _: self._repair(),
                devices=self._devices,
                standing=lambda camera_id: self._watch.standing(camera_id),  # noqa: PLW0108 - the watch comes later
            )
        )
        self._fleet = Fleet(
            self._state,
            self._journal,
            self._clock,
            make_channel=lambda camera: Channel(camera, self._setup),
            zone=self._settings.zone,
            wake_at=self._wakeups.at,
            names=self._intake.names,
        )
        self._journal.on_renewed = self._journal_renewed
        self._watch = Watch(self._fleet, self._clock, tell=self._tell, relay=self._relay_event)
        self._client = ServerClient(
            config.server.url,
            lambda: self._state.token,
            tls,
            config.server.timeout_sec,
        )
        self._own_storage = own_storage(config.storage, tls_everybody, self._pace, config.paths.state)
        self._uploads = Uploads(
            self._journal,
            self._storage,
            self._clock,
            parallel=config.upload.parallel,
            retry_max_sec=config.upload.retry_max_sec,
            keep_trying=lambda: bool(self._state.known.gather.auto_fds),
            on_uploaded=self._slice_uploaded,
            tell=self._tell,
            held=lambda: self._state.known.uploads_held,
            hours_open=lambda: self._closed_until() is None,
            gave_up=lambda: self._state.known.uploads_gave_up,
            give_up=self._state.give_up_uploads,
            is_lost=lambda row: self._disk.is_lost(row),  # noqa: PLW0108 - the disk comes later
        )
        self._disk = DiskKeeper(
            self._media,
            self._settings.disk_policy(),
            self._journal,
            self._clock,
            lessons=self._coming,
            tell=self._tell_disk,
            on_room=self._room_made,
        )
        self._overview = Overview(
            self._state,
            self._journal,
            self._fleet,
            self._uploads,
            self._clock,
            zone=self._settings.zone,
            disk=self._disk.view,
            closed_until=self._closed_until,
            label=config.agent.name,
            server=config.server.url,
        )
        self._overview.alarms = self._watch.views
        self._reports = Reports(
            self._journal,
            self._client,
            self._storage,
            self._clock,
            status=self._overview.status_report,
            on_confirmed=self._overview.changed,
            on_lost=self._slice_added,
            tell=self._tell,
        )
        self._lives = Lives(
            LiveSetup(
                self._host,
                self._fleet.channels,
                self._clock,
                server=config.server.url,
                token=lambda: self._state.token,
                ca_file=str(config.server.ca_file or ""),
                tell=self._tell,
                relay=self._relay_event,
                on_change=self._yield_to_live,
            )
        )
        self._overview.live = self._lives.view
        self._commands = Commands(
            self._state,
            self._fleet.channels,
            self._uploads,
            self._clock,
            self._lives,
            devices=self._devices,
            reconcile=self._fleet.reconcile,
            view=self._overview.view,
        )
        self._relay = Relay(
            self._client.tls, hello=self._overview.hello, on_sync=self._take_sync, on_command=self._commands.carry_out
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
        self._overview.link = self._link
        fleet = self._fleet
        readiness = Readiness(
            self._journal, self._slices, self._clock, lambda: fleet.turned_at, lambda: fleet.journal_error
        )
        rooms = Rooms(self._overview, readiness, self._tally, self._watch, self._snapshots)
        self._page = PageServer(config.local, rooms)
        if config.mqtt.host:
            self._mqtt = MqttBridge(
                config.mqtt,
                self._state.known.agent_uid,
                view=self._overview.view,
                carry_out=self._commands.carry_out,
                snapshots=self._snapshots,
            )
        self._door = LocalDoor(
            control_socket(config.paths.runtime), self._overview, self._commands.carry_out, self._snapshots
        )

    # -- life

    async def run(self, stop: asyncio.Event) -> None:
        """Record, upload, report until `stop` is set; then finish all files and return."""
        await self._build()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._journal.close)
            stack.push_async_callback(self._client.close)
            if self._own_storage is not None:
                stack.push_async_callback(self._own_storage.close)
            stack.push_async_callback(self._host.close)
            stack.push_async_callback(self._devices.close)
            stack.push_async_callback(self._state.durable)
            await self._first_look_at_disk()
            self._wakeups.start()
            stack.callback(self._wakeups.stop)
            self._step_notice.open()
            stack.callback(self._step_notice.close)
            self._network_notice.open()
            stack.callback(self._network_notice.close)
            self._repairs.ask()
            await self._fleet.reconcile()
            await self._door.open()
            stack.push_async_callback(self._door.close)
            await self._overview.refresh()
            self.ready.set()
            async with self._tasks() as upload_tasks:
                await stop.wait()
                log.info("stopping: files are being finished")
                await self._lives.close()
                await self._fleet.close()
                if upload_tasks:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._drain_sec):
                            await self._overview.drained()

    async def _first_look_at_disk(self) -> None:
        try:
            await self._disk.turn()
        except Exception:  # a boundary: whatever is wrong with the disk is said again in a moment; lessons begin first
            log.exception("the disk of the recordings could not be looked after")

    @contextlib.asynccontextmanager
    async def _tasks(self) -> AsyncIterator[bool]:
        jobs: dict[str, Callable[[], Awaitable[None]]] = {
            "reconciler": self._fleet.run,
            "watch": self._watch.run,
            "repairs": self._repairs.run,
            "counts": self._overview.keep,
            "disk": self._disk.run,
        }
        if self.config.local.port:
            jobs["local page"] = self._page.run
        if self._mqtt is not None:
            jobs["mqtt"] = self._mqtt.run
        served = bool(self.config.server.url)
        if served:
            jobs |= {"link": self._link.run, "uploads": self._uploads.run, "reports": self._reports.run}
        tasks = [asyncio.create_task(forever(name, job), name=name) for name, job in jobs.items()]
        try:
            yield served
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def view(self) -> DaemonView:
        """Everything at this moment, for people."""
        return self._overview.view()

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._settings.config

    async def reconfigure(self, config: Config) -> None:
        """Take another configuration, which differs in what `config.changes` calls "now" or "connection" only. No
        recording is cut.
        """
        before = self.config
        self._settings.take(config)
        self._pace.own(self._settings.upload_rate())
        self._yield_to_live()
        self._disk.policy = self._settings.disk_policy()
        self._uploads.retune(config.upload.parallel, config.upload.retry_max_sec)
        if (config.record, config.alarms) != (before.record, before.alarms):
            self._setup = self._settings.of_channels(self._setup)
            self._fleet.adopt(self._setup)
        await self._fleet.reconcile()  # another zone is another timetable

    # -- news

    def _tell(self, happening: Happening) -> None:
        is_bad = happening.kind in ("gap", "alarm", "queue") and happening.data.get("state") != "cleared"
        # A picture every two minutes of every channel would be half of the log.
        usual = logging.DEBUG if happening.kind == "snapshot" else logging.INFO
        log.log(logging.WARNING if is_bad else usual, "%s", happening.text)
        self._overview.changed()
        self._tally.take(happening)
        if self._mqtt is not None:
            self._mqtt.take(happening)
        if self._on_happening is not None:
            self._on_happening(happening)

    def _relay_event(self, name: str, data: dict[str, object]) -> None:
        self._relay.event(name, data)

    async def _take_event(self, camera_id: int, event: Event) -> None:
        await self._intake.take(camera_id, event)
        await self._watch.take(camera_id, event)

    def _wake_fleet(self) -> None:
        self._fleet.wake()

    def _network_came(self) -> None:
        self._fleet.retry()

    def _wake_reports(self) -> None:
        self._reports.wake()

    def _repair(self) -> None:
        self._repairs.ask()

    def _journal_renewed(self) -> None:
        self._fleet.journal_is_new()
        self._repairs.ask()
        self._overview.changed()

    def _status_now(self) -> None:
        self._reports.status_now()

    def _yield_to_live(self) -> None:
        self._pace.limit(self._settings.upload_rate_beside_live() if self._lives.watched else 0.0)

    def _slice_added(self) -> None:
        self._overview.changed()
        self._uploads.wake()

    def _coming(self, until: float) -> list[Coming]:
        return coming(self._state, self._settings.zone(), self._clock.wall(), until)

    def _tell_disk(self, happening: Happening) -> None:
        self._tell(happening)
        if happening.kind == "alarm":
            self._relay_event("alarm", {"text": happening.text, **happening.data})

    def _room_made(self) -> None:
        self._overview.changed()
        self._reports.wake()

    def _slice_uploaded(self) -> None:
        self._overview.changed()
        self._reports.wake()

    # -- the server's word

    async def _registered(self) -> None:
        self._uploads.wake()
        self._reports.status_now()
        await self._fleet.reconcile()

    async def _take_sync(self, sync: Sync) -> None:
        before = dict(self._state.known.cameras)
        self._state.take_sync(sync)
        for edit in edits(before, self._state.known.cameras):
            log.info("the server's word, revision %d: %s", sync.rev, edit)
        await self._fleet.reconcile()
        self._reports.status_now()

    def _storage(self) -> Storage | None:
        return self._own_storage or storage_for(
            self._state.known.storage,
            self.config.upload.folder,
            self._client.http,
            lambda: self._state.token,
            self._pace,
        )

    def _closed_until(self) -> float | None:
        return self._settings.closed_until(tight=self._disk.tight)
