"""Pushes of a daemon: real recorder and live processes, real servers."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.live import Lives, LiveSetup, PushFailed
from agent.schedule.reconciler import OFF, Desired
from agent.status import LiveView
from agent.wire.models import WireCamera
from recorder.errors import RefusedUrl
from recorder.specs import Tuning
from tests.agent.rooms import LIMIT_SEC, Rooms, rooms_in
from tests.media import MakeSample
from tests.servers.flv_targets import FlvTarget, flv_target, header


class Stage:
    """One channel with a film, and its pushes."""

    def __init__(self, rooms: Rooms, film: Path) -> None:
        self.rooms = rooms
        camera = WireCamera(camera_id=7, camera_name="Room", stream_prop=1, stream_mp4=str(film))
        self.channel = rooms.fleet.channels[7] = rooms.channel(camera)
        self.relayed: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self.server = "http://server.invalid"
        self.lives = Lives(
            LiveSetup(
                rooms.host,
                rooms.fleet.channels,
                rooms.clock,
                server=self.server,
                token=lambda: "agent-token",
                ca_file="",
                tell=rooms.told.append,
                relay=lambda name, data: self.relayed.append(data) if name == "live" else None,
                on_change=self.changed.set,
            )
        )

    async def online(self) -> None:
        self.channel.want(Desired(connect=True, reconnect=True), Tuning(snap_sec=0))
        await self.rooms.until(lambda: self.channel.online)

    async def until(self, state: str | None) -> None:
        """The push is in this state; None: there is none."""
        async with asyncio.timeout(LIMIT_SEC):
            while (view.state if (view := self.lives.view(7)) else None) != state:
                self.changed.clear()
                await self.changed.wait()

    async def got(self, target: FlvTarget, requests: int, size: int = 1) -> None:
        """The server got so many pushes, the last with so many bytes."""

        def there() -> bool:
            return len(target.bodies) >= requests and len(target.bodies[-1]) >= size

        await asyncio.to_thread(target.wait_for, there)


@pytest.fixture
async def stage(tmp_path: Path, sample: MakeSample) -> AsyncIterator[Stage]:
    async with rooms_in(tmp_path) as rooms:
        stage = Stage(rooms, sample(seconds=8, gop_sec=1))
        yield stage
        await stage.lives.close()


async def test_live_within_a_second_told_renewed_and_ended(stage: Stage) -> None:
    await stage.online()
    with flv_target() as target:
        view = await stage.lives.start(7, target.url("live/room7?token=s3cret"), 30)
        assert (view.state, view.target) == ("live", f"http://127.0.0.1:{target.port}/live/***")
        assert stage.lives.watched
        await stage.got(target, 1, 10_000)
        assert (await stage.lives.start(7, target.url("live/room7?token=s3cret"), 30)).state == "live"
        assert len(target.requests) == 1
        assert not header(target.requests[0], "Authorization")
        stage.rooms.clock.ahead += 31
        await stage.lives.start(7, target.url("live/room7?token=s3cret"), 30) if stage.lives.view(7) else None
        assert await stage.lives.stop(7)
        assert stage.lives.view(7) is None
        assert not await stage.lives.stop(7)
    states = [data["state"] for data in stage.relayed]
    assert states[:2] == ["connecting", "live"]
    assert states[-1] == "ended"
    assert "s3cret" not in repr(stage.relayed) + repr(stage.rooms.told)


async def test_a_lease_that_nobody_renews_ends(stage: Stage) -> None:
    await stage.online()
    with flv_target() as target:
        await stage.lives.start(7, target.url(), 1)
        await stage.until(None)
    assert stage.relayed[-1]["state"] == "ended"


async def test_the_token_is_shown_to_the_own_server_only(stage: Stage, tmp_path: Path) -> None:
    await stage.online()
    with flv_target() as target:
        lives = Lives(
            LiveSetup(
                stage.rooms.host,
                stage.rooms.fleet.channels,
                stage.rooms.clock,
                server=target.url(""),
                token=lambda: "agent-token",
                ca_file="",
                tell=lambda _: None,
                relay=lambda name, data: None,
                on_change=lambda: None,
            )
        )
        await lives.start(7, "/gather/v1/live/7", 30)
        await lives.start(7, target.url("gather/v1/live/7"), 30)
        await stage.got(target, 2)
        await lives.close()
    assert target.requests[0].startswith("POST /gather/v1/live/7 HTTP/1.1")
    assert [header(request, "Authorization") for request in target.requests] == ["Bearer agent-token", ""]


@pytest.mark.parametrize("push_url", ["//evil.example/x", "file:///x", "", "/\r\nX: y"])
async def test_an_address_that_is_none_leaves_nothing_behind(stage: Stage, push_url: str) -> None:
    await stage.online()
    with pytest.raises(RefusedUrl):
        await stage.lives.start(7, push_url, 30)
    assert stage.lives.view(7) is None


async def test_a_server_that_refuses_is_named_and_tried_again_while_the_lease_holds(stage: Stage) -> None:
    await stage.online()
    with flv_target("refuse") as target:
        with pytest.raises(PushFailed) as failed:
            await stage.lives.start(7, target.url(), 30)
        assert failed.value.cause == "refused"
        assert "403" in str(failed.value)
        view = stage.lives.view(7)
        assert view is not None
        assert (view.state, view.cause) == ("waiting", "refused")
        assert not stage.lives.watched
        await asyncio.to_thread(target.wait_for, lambda: target.connections >= 2)
    with flv_target() as better:
        assert (await stage.lives.start(7, better.url(), 30)).state == "live"


async def test_a_killed_live_process_is_followed_by_another(stage: Stage) -> None:
    await stage.online()
    with flv_target() as target:
        await stage.lives.start(7, target.url(), 60)
        push = stage.lives._pushes[7]
        assert push._attempt is not None
        os.kill(push._attempt._process.pid, signal.SIGKILL)
        await stage.until("waiting")
        await stage.until("live")
        await stage.got(target, 2)
    assert [data["cause"] for data in stage.relayed if data["state"] == "waiting"] == ["crashed"]


async def test_a_killed_recorder_costs_viewers_a_moment(stage: Stage) -> None:
    await stage.online()
    with flv_target() as target:
        await stage.lives.start(7, target.url(), 60)
        assert stage.channel.pid is not None
        os.kill(stage.channel.pid, signal.SIGKILL)
        await stage.until("waiting")
        await stage.until("live")
        await stage.got(target, 2)


async def test_a_channel_that_is_stopped_ends_its_push(stage: Stage) -> None:
    await stage.online()
    with flv_target() as target:
        await stage.lives.start(7, target.url(), 60)
        stage.channel.want(OFF, Tuning())
        await stage.until(None)
    assert stage.relayed[-1]["detail"] == "the channel is stopped"


async def test_a_camera_that_is_away_is_said_and_waited_for(stage: Stage, tmp_path: Path, sample: MakeSample) -> None:
    film = tmp_path / "film.mp4"
    stage.channel.change(WireCamera(camera_id=7, camera_name="Room", stream_prop=1, stream_mp4=str(film)))
    stage.channel.want(Desired(connect=True, reconnect=True), Tuning(snap_sec=0))
    await stage.rooms.until(lambda: stage.channel.link.state == "waiting")
    with flv_target() as target:
        with pytest.raises(PushFailed) as failed:
            await stage.lives.start(7, target.url(), 60, patience_sec=0.2)
        assert failed.value.cause == "no_picture"
        film.symlink_to(sample(seconds=8, gop_sec=1))
        await stage.until("live")
        await stage.got(target, 1)


async def test_who_comes_while_a_push_is_stopped_gets_a_new_one(stage: Stage) -> None:
    await stage.online()
    with flv_target("silent") as hanging, flv_target() as target:
        asking = asyncio.create_task(stage.lives.start(7, hanging.url(), 600))
        await stage.until("connecting")
        stopping = asyncio.create_task(stage.lives.stop(7))
        await asyncio.sleep(0)
        assert (await stage.lives.start(7, target.url(), 600)).state == "live"
        assert await stopping
        with pytest.raises(PushFailed):
            await asking
        await stage.got(target, 1)
        assert await stage.lives.stop(7)


async def test_viewers_in_a_hurry_leave_nothing_behind(stage: Stage) -> None:
    """Starts, heartbeats, moves and stops on top of each other; whoever asks last has the picture."""
    await stage.online()
    with flv_target() as one, flv_target() as other, flv_target("refuse") as refusing:
        asked: list[asyncio.Task[object]] = []
        for number in range(24):
            url = (one, other, refusing, one)[number % 4].url()
            asked.append(asyncio.create_task(stage.lives.start(7, url, 600)))
            asked.append(asyncio.create_task(stage.lives.stop(7)) if number % 3 == 0 else asked[-1])
            await asyncio.sleep(0.02 * (number % 5))
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(result, LiveView | PushFailed | bool) for result in results), results
        assert (await stage.lives.start(7, other.url(), 600)).state == "live"
        assert await stage.lives.stop(7)
    assert stage.lives.view(7) is None
    assert list(stage.rooms.host._children) == [stage.channel.pid]


async def test_whose_push_was_moved_is_not_told_that_it_is_live(stage: Stage) -> None:
    await stage.online()
    with flv_target("silent") as first, flv_target() as second:
        asking = asyncio.create_task(stage.lives.start(7, first.url(), 600))
        await stage.until("connecting")
        assert (await stage.lives.start(7, second.url(), 600)).state == "live"
        with pytest.raises(PushFailed, match=f":{first.port}/.* given up, somebody asked for .*:{second.port}/"):
            await asking


async def test_a_machine_without_descriptors_pushes_when_it_has_some(stage: Stage) -> None:
    await stage.online()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with flv_target() as target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            with pytest.raises(PushFailed, match="Too many open files") as failed:
                await stage.lives.start(7, target.url(), 600)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert failed.value.cause == "crashed"
        await stage.until("live")
        await stage.got(target, 1)
