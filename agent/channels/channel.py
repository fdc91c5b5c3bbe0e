"""One channel: keeps a recorder process alive for as long as the channel is desired.

A crash, a hang or a lost fork server is answered by another process, which goes on with the same recordings;
`session` is the life of one process, this is the life of the channel.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.background import within
from agent.backoff import Backoff
from agent.channels.recorders import RecorderGone, RecorderHost
from agent.channels.session import DiskAway, Hooks, Running, Session
from agent.clock import Clock
from agent.onvif.devices import DeviceAway, Devices
from agent.reminders import Reminders
from agent.schedule.reconciler import OFF, Desired
from agent.sources import IPC, NoSource, Sources, shown, sources_of
from agent.wire.models import WireCamera
from recorder.protocol import (
    Event,
    FeedLive,
    LinkChanged,
    OpenChannel,
    RecordingEnded,
    SnapshotTaken,
    TakeSnapshot,
    Trouble,
)
from recorder.specs import Cause, Limits, Tuning, Watching
from recorder.stream.refusals import resting

log = logging.getLogger(__name__)

RESTART_SEC = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits before another process; the first ones keep a single crash below a second."""
TURNED_SEC = 60.0
"""A lesson that began longer ago is one that goes on."""
HEALTHY_SEC = 60.0
"""A process that lived this long was healthy: the next restart is quick again."""


@dataclass(frozen=True, slots=True)
class ChannelSetup:
    """What is the same for every channel of a daemon. `devices` finds the streams of IPC channels.

    `sub_streams`: camera id → address; `presets`: camera id → where it looks in lessons; `main_rests`: main streams of
    channels with two are connected around recordings.
    `standing` gives the alarms that stand about a channel's picture and sound, by kind, since when: what one recorder
    process raised another clears.
    """

    host: RecorderHost
    clock: Clock
    limits: Limits
    transport: Literal["tcp", "udp"]
    slices: Path
    snapshots: Path
    hooks: Hooks
    on_crash: Callable[[int], None]
    sub_streams: Mapping[int, str] = field(default_factory=dict)
    presets: Mapping[int, str] = field(default_factory=dict)
    main_rests: bool = False
    devices: Devices | None = None
    watching: Watching = field(default_factory=Watching)
    standing: Callable[[int], dict[str, float]] = lambda _: {}


class Channel:
    """The supervisor of one camera's recorder process. Must be made inside a running event loop."""

    def __init__(self, camera: WireCamera, setup: ChannelSetup) -> None:
        self.camera = camera
        self.desired = OFF
        self.tuning = Tuning()
        self.link = LinkChanged("connecting")
        self.sub_link: LinkChanged | None = None
        """The sub stream's state, where there is one."""
        self.snapshot_at: float | None = None
        self.restarts = 0
        self._setup = setup
        self._hooks = Hooks(
            self._on_event, setup.hooks.open_recording, setup.hooks.plan_recording, setup.hooks.end_recording
        )
        self._session: Session | None = None
        self._turn = asyncio.Event()
        self._closing = self._renewing = self._outdated = False
        self._hurry = asyncio.Event()
        self._failures = 0
        self._reminders = Reminders(setup.clock.monotonic)
        self._device_backoff = Backoff()
        self._pictures: dict[str, asyncio.Future[SnapshotTaken]] = {}
        self._task = asyncio.create_task(self._supervise(), name=f"channel {camera.camera_id}")

    # -- what others ask of it

    def want(self, desired: Desired, tuning: Tuning) -> None:
        """What the channel should do from now on."""
        if self._outdated:
            self._renew_when_free(desired)
        if desired is self.desired and tuning is self.tuning:
            return
        if (desired, tuning) == (self.desired, self.tuning):
            self.desired, self.tuning = desired, tuning
            return
        self._look_at_lesson(self.desired, desired)
        if desired.soon and not self.desired.soon:
            self._hurry.set()  # a device that is asked hardly ever is asked before a lesson
        self.desired, self.tuning = desired, tuning
        self._turn.set()
        if self._session is not None and not self._renewing:
            # What ends late, because its last packets come late, still needs its connection.
            self._session.want(desired if desired.connect or self._session.running else None, tuning)
            if self._devices is not None and self._devices.is_outdated(self.camera):
                self._check_device()

    def change(self, camera: WireCamera) -> None:
        """The channel's settings changed; another source is opened at once, another name is just another name."""
        before, self.camera = self.camera, camera
        if before is camera:
            return
        unseen = {"camera_name", "courses"}
        if before.model_dump(exclude=unseen) != camera.model_dump(exclude=unseen):
            self.renew()

    def renew(self) -> None:
        """Connect anew: the source changed, or somebody started a channel that had given up. Recordings go on."""
        self._failures = 0
        self._renewing = True
        self._turn.set()
        self._hurry.set()
        if self._session is not None:
            self._session.want(None, self.tuning)

    def retry(self) -> None:
        """The network has come back: nobody waits out a back-off, but who was refused, as cameras lock."""
        links = (self.link, self.sub_link)
        if not any(one is not None and one.state == "waiting" and one.cause != "unauthorized" for one in links):
            return
        self._hurry.set()
        if self._session is not None:
            self._session.retry()

    def adopt(self, setup: ChannelSetup) -> None:
        """Other settings: they are those of the next connection, which is made anew when nothing is recorded or about
        to be, where they mean something else for this channel.
        """
        before, self._setup = self._setup, setup
        if self._outdated or self._meant_by(before) != self._meant_by(setup):
            self._outdated = True
            self._renew_when_free(self.desired)

    def _meant_by(self, setup: ChannelSetup) -> tuple[object, ...]:
        """What of the settings this channel's recorder process is made with."""
        sub = setup.sub_streams.get(self.camera.camera_id, "")
        rests = setup.main_rests and bool(sub or self.camera.device_twice)
        return setup.limits, setup.watching, setup.transport, sub, rests

    def _renew_when_free(self, desired: Desired) -> None:
        if not desired.soon and not (self._session and self._session.running):
            self.renew()

    async def snapshot(self, limit_sec: float = 8.0) -> SnapshotTaken:
        """Take the channel's picture now.

        Raises `RecorderGone` when the channel is off, `TimeoutError` when nothing comes.
        """
        if self._session is None:
            raise RecorderGone(f"channel {self.camera.camera_id} is off")
        request = uuid.uuid4().hex
        self._pictures[request] = asyncio.get_running_loop().create_future()
        try:
            await self._session.process.order(TakeSnapshot(request))
            async with asyncio.timeout(limit_sec):
                return await self._pictures[request]
        finally:
            del self._pictures[request]

    async def feed_live(self, descriptor: int) -> None:
        """Have the recorder feed the live process at the other end of this socket; `RecorderGone` when the channel is
        off or just starts.
        """
        if self._session is None:
            raise RecorderGone(f"channel {self.camera.camera_id} is off")
        await self._session.process.order(FeedLive(), descriptor)

    async def close(self) -> None:
        """Finish files, end the process."""
        self._closing = True
        self._hurry.set()
        self.want(OFF, self.tuning)
        self._turn.set()
        await self._task

    @property
    def online(self) -> bool:
        """Whether packets come."""
        return self._session is not None and self.shown_link.state == "online"

    @property
    def waits_for_people(self) -> bool:
        """Whether it is not tried, or hardly, until somebody does something about it."""
        return self.link.state == "down" or self.link.cause == "unauthorized"

    @property
    def sub_source(self) -> str:
        """The sub stream's address where the configuration names one, without a password."""
        return shown(self._setup.sub_streams.get(self.camera.camera_id, ""))

    @property
    def shown_link(self) -> LinkChanged:
        """What people call the channel's state: that of the main stream, and of the sub stream while that rests."""
        return self.sub_link if self.link.state == "idle" and self.sub_link is not None else self.link

    @property
    def recording(self) -> dict[str, int]:
        """The recordings that the recorder process has been told of: key → slice_id."""
        running = self._session.running if self._session else {}
        return {key: item.slice_id for key, item in running.items()}

    @property
    def recording_keys(self) -> Collection[str]:
        """The keys of `recording`."""
        return self._session.running.keys() if self._session else ()

    def running(self, key: str) -> Running | None:
        """The recording with this key, if the recorder process has been told of it."""
        return self._session.running.get(key) if self._session else None

    @property
    def packet_age_sec(self) -> float | None:
        """Seconds since the last packet, as of the last pulse; None before the first."""
        pulse = self._session.pulse if self._session else None
        return pulse.packet_age_sec if pulse else None

    @property
    def heap_sec(self) -> float:
        """So far apart its packets may come, where they come in heaps (HLS), as of the last pulse; else 0."""
        pulse = self._session.pulse if self._session else None
        return pulse.heap_sec if pulse else 0.0

    @property
    def recorded_sec(self) -> float:
        """Media that the recorder process has taken over all its recordings, as of its last pulse."""
        pulse = self._session.pulse if self._session else None
        return pulse.recorded_sec if pulse else 0.0

    @property
    def session(self) -> Session | None:
        """The life of the recorder process that there is now."""
        return self._session

    @property
    def pid(self) -> int | None:
        """The recorder process."""
        return self._session.process.pid if self._session else None

    # -- how it brings it about

    async def _supervise(self) -> None:
        while not self._closing:
            if not self.desired.connect:
                await self._set_link(LinkChanged("down"))
                await self._wait_turn()
                continue
            began = self._setup.clock.monotonic()
            cause: Cause = "restart"
            why = "the recorder process ended unexpectedly"
            try:
                called = await self._run_session()
            except NoSource as error:
                await self._set_link(LinkChanged("down", "unusable", str(error)))
                await self._wait_turn()
                continue
            except DeviceAway as error:
                await self._without_device(error)
                continue
            except RecorderGone as error:
                called, why = False, str(error)
            except DiskAway as error:
                called, cause, why = False, "disk", str(error)
            except Exception as error:  # a task's boundary: the channel goes on with another process
                log.exception("channel %d: unexpected error; the recorder is started again", self.camera.camera_id)
                called, why = False, f"{type(error).__name__}: {error}"
            if not called and not self._closing:
                await self._after_crash(self._setup.clock.monotonic() - began, cause, why)

    async def _run_session(self) -> bool:
        """One process. True when it ended because it was told to."""
        self._renewing = self._outdated = False
        sources = await self._sources()
        process = await self._setup.host.spawn()
        session = Session(
            self.camera.camera_id, process, self._setup.clock, self._hooks, main_rests=self._setup.main_rests
        )
        self.link = LinkChanged("connecting")
        self._session = session
        # The settings may have changed while the process was made: then it is told to end, and the next one has them.
        goes_on = self.desired.connect and not self._renewing
        session.want(self.desired if goes_on else None, self.tuning)
        try:
            await session.run(
                OpenChannel(
                    camera_id=self.camera.camera_id,
                    name=self.camera.camera_name,
                    main=sources.main,
                    sub=sources.sub,
                    folder=str(self._setup.slices),
                    snapshot_path=str(self._setup.snapshots / f"live_{self.camera.camera_id}.jpg"),
                    tuning=self.tuning,
                    limits=self._setup.limits,
                    reconnect=self.desired.reconnect,
                    need_main=session.needs_main(self.desired),
                    watching=self._setup.watching,
                    alarms=self._setup.standing(self.camera.camera_id),
                )
            )
        finally:
            self._session = self.sub_link = None
        return session.called

    async def _sources(self) -> Sources:
        """Raises `NoSource`, `DeviceAway`."""
        if self._devices is None:
            return sources_of(self.camera, self._setup.transport, self._setup.sub_streams)
        await self._set_link(LinkChanged("connecting"))
        sources = await self._devices.sources(self.camera, self._setup.transport)
        self._device_backoff.reset()
        return sources

    @property
    def _devices(self) -> Devices | None:
        return self._setup.devices if self.camera.stream_prop == IPC else None

    def _look_at_lesson(self, before: Desired, now: Desired) -> None:
        """Half a minute before a lesson, and when it begins, the camera turns to where it is to look, if that is told.
        One that goes on after a restart finds it as it was left: somebody may have turned it meanwhile.
        """
        preset = self._setup.presets.get(self.camera.camera_id) or self.camera.device_preset
        if not preset or self._devices is None:
            return
        coming = now.connect and now.soon and not now.due and (not before.soon or not before.connect)
        fresh = self._setup.clock.wall() - TURNED_SEC
        known = {one.key for one in before.due}
        if coming or any(one.course_id and one.key not in known and one.begin > fresh for one in now.due):
            self._devices.turn(self.camera, preset, self._warn)

    def _check_device(self) -> None:
        if self._devices is not None:
            self._devices.check(self.camera, self.renew, self._warn)

    def _ask_device_after(self, event: LinkChanged) -> None:
        """The streams are as the device told them last time: are they still? Not where it has just refused the
        password, which would be one more wrong one.
        """
        settled = event.state == "online" or (event.state in ("waiting", "down") and event.cause != "unauthorized")
        if settled and self._session is not None:
            self._check_device()

    async def _warn(self, text: str) -> None:
        await self._on_event(self.camera.camera_id, Trouble("device", text))

    async def _without_device(self, error: DeviceAway) -> None:
        """Nobody has ever told this channel's streams: wait until it is worth asking again."""
        wait = self._device_backoff.next() if self._tries_on else 0.0
        words = str(error)
        if wait and error.cause == "unauthorized":
            wait = self._setup.limits.refused_sec
            words += f"; {resting(wait)}"
        state: Literal["waiting", "down"] = "waiting" if wait else "down"
        self._hurry.clear()
        await self._set_link(LinkChanged(state, error.cause, words, round(wait, 3)))
        if self._closing or self._renewing:
            return
        if wait:
            await within(wait, self._hurry)
        while self.desired.connect and not (self._tries_on or self._hurry.is_set() or self._renewing or self._closing):
            await self._wait_turn()

    @property
    def _tries_on(self) -> bool:
        """A due lesson asks on where a channel is not to reconnect."""
        return self.desired.reconnect or bool(self.desired.due)

    async def _after_crash(self, lived_sec: float, cause: Cause, why: str) -> None:
        self.restarts += 1
        self._failures = 1 if lived_sec > HEALTHY_SEC else self._failures + 1
        wait = RESTART_SEC[min(self._failures, len(RESTART_SEC)) - 1]
        if lived_sec > HEALTHY_SEC:
            self._reminders.over("crash")
        level = logging.WARNING if self._reminders.is_news("crash", why) else logging.DEBUG
        log.log(level, "channel %d: %s; another one in %.1f s", self.camera.camera_id, why, wait)
        self._setup.on_crash(self.camera.camera_id)
        await self._set_link(LinkChanged("waiting", cause, why, wait))
        self._hurry.clear()
        if not self._closing:
            await within(wait, self._hurry)

    async def _wait_turn(self) -> None:
        await self._turn.wait()
        self._turn.clear()

    async def _set_link(self, link: LinkChanged) -> None:
        if link != self.link:
            await self._on_event(self.camera.camera_id, link)

    async def _on_event(self, camera_id: int, event: Event) -> None:
        match event:
            case LinkChanged(stream="sub"):
                self.sub_link = event
                self._ask_device_after(event)
            case LinkChanged():
                self.link = event
                self._ask_device_after(event)
            case RecordingEnded():
                if not self.desired.connect and self._session is not None and not self._session.running:
                    self._session.want(None, self.tuning)
            case SnapshotTaken():
                if not event.error:
                    self.snapshot_at = event.taken_at
                picture = self._pictures.get(event.request)
                if picture is not None and not picture.done():
                    picture.set_result(event)
            case _:
                pass
        try:
            await self._setup.hooks.on_event(camera_id, event)
        except Exception as error:  # a boundary: the recording outlives a journal that cannot be written
            log.log(
                logging.ERROR,
                "channel %d: %s could not be taken in, a repair will do it: %s",
                *(camera_id, type(event).__name__, error),
                exc_info=not isinstance(error, sqlite3.Error),
            )
            self._setup.on_crash(camera_id)
