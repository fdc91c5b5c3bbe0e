"""All channels that anybody looks at or publishes, and for each the task that asks its agent to push."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from aiohttp import web
from sqlalchemy.orm import Session

from agent.standalone.hub import Hub, failure
from agent.standalone.live.fanout import Broadcast, Viewer
from agent.standalone.live.watch import LEASE_SEC, Step, Watch
from agent.standalone.store.database import Database
from agent.standalone.store.schema import Camera
from agent.wire.codes import Code
from agent.wire.commands import CameraRef, StartLive
from agent.wire.models import Answer

MAX_VIEWERS = 200
"""On all channels together; each holds at most `fanout.VIEWER_BYTES`."""

log = logging.getLogger(__name__)


class TooManyViewers(Exception):
    """No more viewers are let in."""


class LiveChannel:
    """One channel."""

    def __init__(self, camera_id: int) -> None:
        self.camera_id = camera_id
        self.broadcast = Broadcast()
        self.watch = Watch()
        self.answer = Answer(id="")
        """The agent's last word on pushing it."""
        self.turn = asyncio.Event()

    def lost(self, publisher: object) -> None:
        """A publisher is gone; unless a newer one has its place, viewers have no picture."""
        if self.broadcast.is_publisher(publisher):
            self.broadcast.unpublish(publisher)
            self.watch.lost(time.monotonic())
            self.turn.set()

    @property
    def unused(self) -> bool:
        """Whether nobody looks and nobody publishes."""
        return not self.broadcast.viewers and not self.broadcast.live and not self.watch.wanted(time.monotonic())


class LiveChannels:
    """Channels by id, made when somebody comes and forgotten when nobody is left."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database, self._hub = database, hub
        self._channels: dict[int, LiveChannel] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._closed = False

    def channel(self, camera_id: int) -> LiveChannel:
        """The channel, which exists in the database or did a moment ago."""
        found = self._channels.get(camera_id)
        if found is None:
            found = self._channels[camera_id] = LiveChannel(camera_id)
        return found

    def beat(self, camera_id: int) -> LiveChannel:
        """Somebody looks at the channel."""
        channel = self.channel(camera_id)
        channel.watch.beat(time.monotonic())
        self._attend(channel)
        return channel

    def join(self, camera_id: int, viewer_wakes: asyncio.Event) -> tuple[LiveChannel, Viewer]:
        """A viewer; raises `TooManyViewers`."""
        if sum(len(channel.broadcast.viewers) for channel in self._channels.values()) >= MAX_VIEWERS:
            raise TooManyViewers
        channel = self.beat(camera_id)
        return channel, channel.broadcast.join(viewer_wakes.set)

    def leave(self, channel: LiveChannel, viewer: Viewer) -> None:
        """The viewer is gone."""
        channel.broadcast.leave(viewer)
        channel.turn.set()

    async def close(self) -> None:
        """End all viewers and tasks."""
        self._closed = True
        for channel in self._channels.values():
            channel.broadcast.end()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _attend(self, channel: LiveChannel) -> None:
        channel.turn.set()
        if channel.camera_id not in self._tasks and not self._closed:
            task = asyncio.create_task(self._keep(channel), name=f"live {channel.camera_id}")
            self._tasks[channel.camera_id] = task

    async def _keep(self, channel: LiveChannel) -> None:
        try:
            while True:
                channel.turn.clear()
                step = channel.watch.step(len(channel.broadcast.viewers), time.monotonic())
                if step is not None:
                    await self._ask(channel, step)
                elif channel.unused:
                    return
                else:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(channel.watch.wait(time.monotonic())):
                            await channel.turn.wait()
        finally:
            del self._tasks[channel.camera_id]
            if channel.unused and self._channels.get(channel.camera_id) is channel:
                del self._channels[channel.camera_id]

    async def _ask(self, channel: LiveChannel, step: Step) -> None:
        camera_id = channel.camera_id
        gather_id = await self._database.run(_agent_of, camera_id)
        if gather_id is None:
            channel.broadcast.end()
            answer = failure(Code.NO_SUCH_CAMERA)
        elif step == "start":
            # A path: the agent knows this server by an address of its own, and shows its token there only.
            order = StartLive(camera_id=camera_id, push_url=f"/gather/v1/live/{camera_id}", lease_sec=LEASE_SEC)
            answer = await self._hub.ask(gather_id, "start_live", order)
        else:
            answer = await self._hub.ask(gather_id, "stop_live", CameraRef(camera_id=camera_id))
        if answer.err_code != channel.answer.err_code:
            log.info("live of channel %d: %s answered %d %s", camera_id, step, answer.err_code, answer.err_msg)
        channel.answer = answer
        channel.watch.answered(step, answer.err_code == 0, time.monotonic())


def _agent_of(session: Session, camera_id: int) -> int | None:
    camera = session.get(Camera, camera_id)
    return None if camera is None else camera.gather_id


LIVE = web.AppKey("live", LiveChannels)
