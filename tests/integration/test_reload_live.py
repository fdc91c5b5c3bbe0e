"""HUP in the middle of a recording and of pushes to a real RTMP server, at a real daemon under a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import Popen
from typing import Any, TypeVar

import aiohttp
import pytest

from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.status import DaemonView
from agent.wire.commands import StartLive, StartRecord
from agent.wire.models import WireModel
from tests.agent.cli.test_processes import started
from tests.agent.cli.test_reload import Manager, hup
from tests.media import MakeSample, assert_plays, packet_hashes
from tests.servers.rtmp_nginx import RtmpServer, rtmp_server
from tests.standalone.helpers import Api

pytestmark = pytest.mark.integration

Found = TypeVar("Found")
LIMIT_SEC = 60.0
RECORDED, WATCHED, CHANGED = 1, 2, 3


async def found(look: Callable[[], Awaitable[Found]]) -> Found:
    """What looking finds in the end."""
    async with asyncio.timeout(LIMIT_SEC):
        while not (value := await look()):  # noqa: ASYNC110 - of other processes there is no event
            await asyncio.sleep(0.1)
    return value


class School:
    """A server with one agent and three channels of films."""

    def __init__(self, server: EmbeddedServer, api: Api, home: Path) -> None:
        self.server, self.api, self.home = server, api, home
        self.config = f'[server]\nurl = "{server.url}"\nenrol_key = "{server.enrol_key}"\n[local]\nport = 0\n'

    def configure(self, more: str = "") -> None:
        (self.home / "config.toml").write_text(self.config + more)

    async def ask(self, cmd: str, data: WireModel) -> None:
        answer = await self.server._services.hub.ask(1, cmd, data)
        assert answer.err_code == 0, answer

    async def add_channels(self, film: Path) -> None:
        await found(lambda: self.rows("list_gather"))
        for name in ("recorded", "watched", "changed"):
            about = {"camera_name": name, "gather_id": 1, "grade_id": 4, "stream_prop": 1, "stream_mp4": str(film)}
            await self.api.ok("add_camera", **about)

    async def rows(self, endpoint: str) -> list[Any]:
        return list((await self.api.ok(endpoint))["data"])

    async def seen(self) -> DaemonView:
        """What the daemon says on its control socket."""
        socket = aiohttp.UnixConnector(str(self.home / "run/control.sock"))
        async with aiohttp.ClientSession(connector=socket) as session, session.get("http://agent/status") as answer:
            return DaemonView.model_validate(await answer.json())

    async def until(self, condition: Callable[[DaemonView], object]) -> DaemonView:
        async def look() -> DaemonView | None:
            view = await self.seen()
            return view if condition(view) else None

        view = await found(look)
        assert view is not None
        return view


def _channel(view: DaemonView, camera_id: int) -> Any:
    return next(one for one in view.channels if one.camera_id == camera_id)


async def _grows(path: Path, by: int = 20_000) -> None:
    """More of the stream has come to the media server."""

    def size() -> int:
        return path.stat().st_size if path.exists() else 0

    since = size()

    async def look() -> bool:
        return size() >= since + by

    await found(look)


def assert_one_piece(film: Path, kept: Path) -> None:
    """What nginx kept is the film from some place on, looped, none missing, none twice."""
    for kind in ("video", "audio"):
        source, sent = packet_hashes(film, kind) * 40, packet_hashes(kept, kind)
        begin = source.index(sent[0])
        assert sent == source[begin : begin + len(sent)]


async def _reload(process: Popen[str], manager: Manager) -> None:
    await asyncio.to_thread(hup, process, manager)


async def test_unchanged_channels_lose_no_packet_and_changed_ones_take_the_new_settings(
    tmp_path: Path, sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.agent.cli.test_processes.LIMIT_SEC", 10 * LIMIT_SEC)
    film, other = sample(seconds=8, gop_sec=1), sample(seconds=4, gop_sec=1)
    home = tmp_path / "home"
    home.mkdir()
    server = EmbeddedServer(ServerSettings(data_dir=tmp_path / "server", timezone="Asia/Shanghai"))
    await server.start()
    manager = Manager(tmp_path / "notify")
    try:
        with rtmp_server(tmp_path / "nginx") as nginx:
            async with aiohttp.ClientSession() as http:
                api = Api(http, server)
                await api.sign_in()
                school = School(server, api, home)
                school.configure()
                with started("run", "--home", home, NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
                    await _three_acts(school, nginx, process, manager, film, other)
                    await school.ask("stop_record", StartRecord(camera_id=RECORDED))
                    rows = await found(lambda: school.rows("list_record"))
        assert [(row["camera_id"], row["slice_inx"]) for row in rows] == [(RECORDED, 1)], "one file, from end to end"
        path = server._services.settings.recordings / rows[0]["file_fdfs"].removeprefix("/storage/recordings/")
        assert_plays(path)
        assert_one_piece(film, path)
        for name in ("recorded", "first", "watched"):
            assert_one_piece(film, nginx.kept(name))
    finally:
        manager.close()
        await server.stop()


async def _three_acts(
    school: School, nginx: RtmpServer, process: Popen[str], manager: Manager, film: Path, other: Path
) -> None:
    await school.add_channels(film)
    await school.until(lambda view: sum(one.state == "online" for one in view.channels) == 3)
    await school.ask("start_record", StartRecord(camera_id=RECORDED, title="Talk"))
    for camera_id, name in ((RECORDED, "recorded"), (WATCHED, "watched")):
        await school.ask("start_live", StartLive(camera_id=camera_id, push_url=nginx.url(name), lease_sec=600))
    before = await school.until(
        lambda view: all(one.live and one.live.state == "live" for one in view.channels if one.camera_id != CHANGED)
    )
    # What concerns one channel only: another stream for viewers.
    school.configure(f'[record.sub_streams]\n{CHANGED} = "{other}"\n')
    await _reload(process, manager)
    after = await school.until(lambda view: _channel(view, CHANGED).sub_state == "online")
    for camera_id, name in ((RECORDED, "recorded"), (WATCHED, "watched")):
        was, now = _channel(before, camera_id), _channel(after, camera_id)
        assert now.live.state == "live" and now.live.since == was.live.since, "the push goes on"
        await _grows(nginx.kept(name))
    # What concerns all: who is recorded takes it afterwards, and its push stays; nothing at all: nothing happens.
    nginx.kept("watched").rename(nginx.kept("watched").with_name("first.flv"))
    school.configure(f'[record]\nstall_sec = 7\n[record.sub_streams]\n{CHANGED} = "{other}"\n')
    await _reload(process, manager)
    await _reload(process, manager)
    again = await school.until(
        lambda view: (
            (live := _channel(view, WATCHED).live)
            and live.state == "live"
            and live.since > _channel(after, WATCHED).live.since
        )
    )
    assert _channel(again, RECORDED).live.since == _channel(after, RECORDED).live.since
    for name in ("recorded", "watched"):
        await _grows(nginx.kept(name))
