"""Publishing and viewing over real sockets, and what the agent is asked in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from agent.standalone.keys import ADMISSION_SECONDS
from agent.standalone.live import channels, view, watch
from agent.standalone.live.flv import Tag, TagReader
from agent.standalone.server import EmbeddedServer
from agent.wire.codes import Code
from tests.standalone.helpers import Api, FakeClock, ScriptedAgent
from tests.standalone.live.streams import HEADERS, HEVC_HEADER, META, picture, pictures, written

LIMIT_SEC = 30.0


@pytest.fixture
async def camera_id(api: Api, agent: ScriptedAgent) -> int:
    grade = (await api.ok("list_grade"))["data"][0]["grade_id"]
    stream = {"stream_prop": 1, "stream_mp4": "/film.mp4", "camera_name": "101 室"}
    return int((await api.ok("add_camera", gather_id=agent.gather_id, grade_id=grade, **stream))["camera_id"])


class Publisher:
    """A push under way: `send` tags, `answer` when it is over."""

    def __init__(self, agent: ScriptedAgent, camera_id: int, token: str | None = None) -> None:
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self._headers = {"Authorization": f"Bearer {agent.token if token is None else token}"}
        self._url = f"{agent.server.url}/gather/v1/live/{camera_id}"
        self._http = agent.http
        self.task = asyncio.create_task(self._post())

    async def send(self, *tags: Tag, head: bool = False) -> None:
        await self._pieces.put(written(*tags) if head else written(*tags)[13:])

    async def end(self) -> int:
        await self._pieces.put(b"")
        return await self.answer()

    async def answer(self) -> int:
        return await asyncio.wait_for(self.task, LIMIT_SEC)

    async def _post(self) -> int:
        async with self._http.post(self._url, data=self._body(), headers=self._headers, expect100=True) as response:
            return response.status

    async def _body(self) -> AsyncIterator[bytes]:
        while piece := await self._pieces.get():
            yield piece


class Seen:
    """A viewer: what it got so far, as tags."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces, self._reader = pieces, TagReader()
        self.tags: list[Tag] = []

    async def until(self, number: int) -> list[int]:
        """The numbers of the pictures up to this one."""
        async with asyncio.timeout(LIMIT_SEC):
            while number not in pictures(self.tags):
                self.tags += self._reader.feed(await anext(self._pieces))
        return pictures(self.tags)

    async def end(self) -> None:
        """The stream ends."""
        async with asyncio.timeout(LIMIT_SEC):
            with contextlib.suppress(StopAsyncIteration):
                while True:
                    await anext(self._pieces)


@contextlib.asynccontextmanager
async def viewer(http: aiohttp.ClientSession, url: str, way: str) -> AsyncIterator[Seen]:
    timeout = aiohttp.ClientTimeout(total=None)
    if way == "http":
        async with http.get(url, timeout=timeout) as response:
            assert (response.status, response.headers["Content-Type"]) == (200, "video/x-flv")
            yield Seen(response.content.iter_any())
    else:
        async with http.ws_connect(url) as socket:
            yield Seen(message.data async for message in socket if message.type is aiohttp.WSMsgType.BINARY)


async def stream_of(api: Api, camera_id: int) -> str:
    """The address of the stream, out of that of the page."""
    page = (await api.ok("play_camera", camera_id=camera_id))["play_url"]
    ticket = page.rpartition("/")[2].partition("?")[0]
    return f"{api.server.url}/live/{ticket}.flv"


async def until_asked(agent: ScriptedAgent, cmd: str, times: int = 1) -> dict[str, Any]:
    async with asyncio.timeout(LIMIT_SEC):
        while len(asked := [command for command in agent.commands if command["cmd"] == cmd]) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # a scripted agent keeps a list
    return dict(asked[-1]["data"])


@pytest.mark.parametrize("way", ["http", "websocket"])
async def test_from_the_first_viewer_to_the_last(
    api: Api, agent: ScriptedAgent, camera_id: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "IDLE_SEC", 0.3)
    monkeypatch.setattr(view, "LOOK_SEC", 0.1)
    async with agent.relay():
        async with viewer(api.http, await stream_of(api, camera_id), way) as early:
            asked = await until_asked(agent, "start_live")
            assert asked == {"camera_id": camera_id, "push_url": f"/gather/v1/live/{camera_id}", "lease_sec": 40}
            push = Publisher(agent, camera_id)
            await push.send(*HEADERS, *map(picture, range(7)), head=True)
            assert await early.until(6) == list(range(7))
            async with viewer(api.http, await stream_of(api, camera_id), way) as late:
                assert await late.until(6) == [5, 6]
                await push.send(picture(7))
                assert (await late.until(7))[-1] == (await early.until(7))[-1] == 7
                assert late.tags[:3] == list(HEADERS)
            assert not [command for command in agent.commands if command["cmd"] == "stop_live"]
        assert await until_asked(agent, "stop_live") == {"camera_id": camera_id}
        assert await push.end() == 200
    assert len([command for command in agent.commands if command["cmd"] == "start_live"]) == 1


async def test_a_lease_is_renewed_and_a_page_without_connection_keeps_it(
    api: Api, agent: ScriptedAgent, camera_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RENEW_SEC", 0.1)
    async with agent.relay():
        page = (await api.ok("play_camera", camera_id=camera_id))["play_url"]
        async with api.http.get(page) as response:
            assert response.status == 200
        assert (await api.ok("list_camera"))["data"][0]["clicks"] == 1
        await until_asked(agent, "start_live", times=4)


async def test_who_asks_only_whether_the_page_is_there_does_not_look(
    api: Api, agent: ScriptedAgent, camera_id: int
) -> None:
    page = (await api.ok("play_camera", camera_id=camera_id))["play_url"]
    async with api.http.head(page) as response:
        assert response.status == 200
    assert (await api.ok("list_camera"))["data"][0]["clicks"] == 0
    async with asyncio.timeout(30), api.http.head(await stream_of(api, camera_id)) as response:
        assert response.status == 200
        assert response.content_type == "video/x-flv"


async def test_who_may_publish(api: Api, agent: ScriptedAgent, camera_id: int) -> None:
    other = ScriptedAgent(agent.server, agent.http, uid="agent-2", mac="00-11-22-33-44-66")
    await other.register()
    assert await Publisher(agent, camera_id, token="nobody's").answer() == 401
    assert await Publisher(agent, camera_id, token="").answer() == 401
    assert await Publisher(agent, camera_id + 1).answer() == 404
    assert await Publisher(other, camera_id).answer() == 409
    nonsense = Publisher(agent, camera_id)
    await nonsense._pieces.put(b"not an FLV at all")
    assert await nonsense.answer() == 400


async def test_the_newest_publisher_wins_and_viewers_stay(api: Api, agent: ScriptedAgent, camera_id: int) -> None:
    async with agent.relay(), viewer(api.http, await stream_of(api, camera_id), "http") as seen:
        old = Publisher(agent, camera_id)
        await old.send(*HEADERS, picture(0), head=True)
        await seen.until(0)
        new = Publisher(agent, camera_id)
        await new.send(*HEADERS, picture(5, first=5), head=True)
        await seen.until(5)
        await old.send(picture(1))
        assert await old.answer() == 409
        await new.send(picture(6, first=5))
        assert await seen.until(6) == [0, 5, 6]
        await new.end()


async def test_when_the_picture_goes_the_agent_is_asked_why(
    api: Api, agent: ScriptedAgent, camera_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LOST_SEC", 0.1)
    async with agent.relay(), viewer(api.http, await stream_of(api, camera_id), "http") as seen:
        push = Publisher(agent, camera_id)
        await push.send(*HEADERS, picture(0), head=True)
        await seen.until(0)
        assert await push.end() == 200
        await until_asked(agent, "start_live", times=2)


@pytest.mark.parametrize("way", ["http", "websocket"])
async def test_another_codec_ends_the_stream_so_that_players_come_again(
    api: Api, agent: ScriptedAgent, camera_id: int, way: str
) -> None:
    async with agent.relay(), viewer(api.http, await stream_of(api, camera_id), way) as seen:
        push = Publisher(agent, camera_id)
        await push.send(*HEADERS, picture(0), head=True)
        await seen.until(0)
        await push.send(META, HEVC_HEADER, Tag(picture(0).kind, 40, b"\x91hvc1frame"))
        await seen.end()
        await push.end()


async def test_tickets_end_with_their_hours_and_with_the_credential(
    api: Api, camera_id: int, clock: FakeClock, server: EmbeddedServer
) -> None:
    url = await stream_of(api, camera_id)
    page = (await api.ok("play_camera", camera_id=camera_id, width=640, height=360))["play_url"]
    assert page.endswith("?width=640&height=360")
    async with api.http.get(page) as response:
        text = await response.text()
        assert response.status == 200
        assert 'width="640" height="360"' in text
        policy = response.headers["Content-Security-Policy"]
        assert "frame-ancestors *" in policy
        assert "media-src 'self' blob:" in policy
    clock.now += ADMISSION_SECONDS + 1
    for address in (url, page):
        async with api.http.get(address) as response:
            assert response.status == 404
    fresh = ScriptedAgent(server, api.http)
    await api.sign_in()
    url = await stream_of(api, camera_id)
    server.replace_credential()
    async with api.http.get(url) as response:
        assert response.status == 404
    del fresh


async def test_what_is_said_while_there_is_no_picture(
    api: Api, agent: ScriptedAgent, camera_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RETRY_SEC", 0.05)
    page = (await api.ok("play_camera", camera_id=camera_id))["play_url"].partition("?")[0]

    async def said(language: str) -> tuple[str, str]:
        async with api.http.post(f"{page}/beat", headers={"Accept-Language": language}) as response:
            body = await response.json()
            return body["state"], body["text"]

    async def until_said(state: str) -> str:
        async with asyncio.timeout(LIMIT_SEC):
            while (answer := await said("zh"))[0] != state:  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # a page can only ask again, too
        return answer[1]

    assert await until_said("agent_offline") == "采集端离线。"
    assert await said("en") == ("agent_offline", "The recorder in the room is offline.")
    answers = [
        (Code.CAMERA_OFFLINE, "camera_offline", "摄像头离线，恢复后自动播放。"),
        (Code.PUSH_FAILED, "failed", "采集端推流失败，正在重试… because"),
        (Code.CAMERA_STOPPED, "stopped", "通道已停止。"),
    ]
    async with agent.relay():
        for code, state, text in answers:
            reply = {"err_code": int(code), "err_msg": "because"}
            agent.reply = lambda _cmd, _data, reply=reply: reply  # type: ignore[misc]
            assert await until_said(state) == text
        push = Publisher(agent, camera_id)
        await push.send(*HEADERS, picture(0), head=True)
        assert await until_said("live") == ""
        await push.end()
    async with api.http.post(f"{api.server.url}/play/camera/made-up/beat") as response:
        assert response.status == 404


async def test_a_channel_that_is_deleted_ends_its_viewers(
    api: Api, agent: ScriptedAgent, camera_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RENEW_SEC", 0.1)
    async with agent.relay(), viewer(api.http, await stream_of(api, camera_id), "http") as seen:
        await api.ok("del_camera", camera_id=camera_id)
        await seen.end()


async def test_viewers_are_counted(api: Api, camera_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "MAX_VIEWERS", 1)
    url = await stream_of(api, camera_id)
    async with viewer(api.http, url, "http"), api.http.get(url) as second:
        assert second.status == 503


async def test_the_player_library_is_served_as_what_it_is(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    for name in ("mpegts-1.8.2.js", "live.js"):
        async with http.get(f"{server.url}/play/assets/{name}") as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert len(await response.read()) > 1000


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0"}], indirect=True)
@pytest.mark.parametrize("host", ["x; script-src *", "x' 'unsafe-inline'", 'x"onload="', "a/b", "a@b", "[::1"])
async def test_a_host_that_is_none_comes_nowhere(api: Api, camera_id: int, host: str) -> None:
    path = urlsplit((await api.ok("play_camera", camera_id=camera_id))["play_url"]).path
    for where in (path, f"/api/v1/play_camera?token={api.token}&camera_id={camera_id}"):
        async with api.http.get(api.server.url + where, headers={"Host": host}) as response:
            assert host not in await response.text() + str(response.headers), where
