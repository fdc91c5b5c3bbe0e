"""The whole link against the embedded server, and against its lost memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from agent.clock import SystemClock
from agent.link import server as link_module
from agent.link.client import ServerClient, tls_context
from agent.link.relay import Relay, answer
from agent.link.server import ServerLink
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.state import AgentState
from agent.status import Happening
from agent.wire.codes import Code
from agent.wire.models import Answer, Command, Hello, Reply, StatusReport, Sync
from tests.agent.storage_double import http_server

LIMIT_SEC = 10.0


class Waits:
    """Stands for the back-off: notes the waits and makes them short."""

    def __init__(self) -> None:
        self.failures = 0
        self.seen: list[int] = []

    def next(self) -> float:
        self.failures += 1
        self.seen.append(self.failures)
        return 0.01

    def reset(self) -> None:
        self.failures = 0


class Linked:
    """A link with its state."""

    def __init__(self, folder: Path, url: str, enrol_key: str) -> None:
        self.state = AgentState(folder)
        self.client = ServerClient(url, lambda: self.state.token, tls_context(None), 2.0)
        self.told: list[Happening] = []
        self.changed = asyncio.Event()
        self.registrations = 0
        self.relay = Relay(
            self.client.tls,
            hello=lambda: Hello(gather_id=self.state.known.gather_id),
            on_sync=self._sync,
            on_command=self._command,
        )
        self.link = ServerLink(
            self.client,
            self.relay,
            self.state,
            SystemClock(),
            name="Room 301",
            enrol_key=enrol_key,
            on_registered=self._registered,
            tell=self._tell,
        )

    async def _sync(self, sync: Sync) -> None:
        self.state.take_sync(sync)
        asyncio.get_running_loop().call_soon(self.changed.set)

    async def _command(self, command: Command) -> Answer:
        return answer(command.id, Code.OK)

    async def _registered(self) -> None:
        self.registrations += 1
        self.changed.set()

    def _tell(self, happening: Happening) -> None:
        self.told.append(happening)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_SEC):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.link.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.client.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    waits = Waits()
    monkeypatch.setattr(link_module, "Backoff", lambda: waits)
    return waits


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(ServerSettings(data_dir=tmp_path / "server", timezone="Asia/Shanghai"))
    await server.start()
    yield server
    await server.stop()


async def test_a_new_agent_gets_its_own_token_and_is_connected(
    tmp_path: Path, server: EmbeddedServer, waits: Waits
) -> None:
    agent = Linked(tmp_path / "agent", server.url, server.enrol_key)
    async with agent.running():
        await agent.until(lambda: agent.link.state == "connected")
    assert waits.seen == []
    assert agent.state.token_path.stat().st_mode & 0o777 == 0o600
    assert agent.state.token not in ("", server.enrol_key)
    again = Linked(tmp_path / "agent", server.url, "")
    assert again.state.token == agent.state.token
    async with again.running():
        await again.until(lambda: again.link.state == "connected")
    known = again.state.known
    assert (known.timezone, known.gather_id) == ("Asia/Shanghai", agent.state.known.gather_id)
    assert known.storage.url


async def test_a_token_that_is_not_known_any_more_is_replaced(
    tmp_path: Path, server: EmbeddedServer, waits: Waits
) -> None:
    AgentState(tmp_path / "agent").set_token("of another life")
    agent = Linked(tmp_path / "agent", server.url, server.enrol_key)
    async with agent.running():
        await agent.until(lambda: agent.link.state == "connected")
    assert agent.state.token != "of another life"


async def test_a_report_that_is_refused_makes_the_link_register_anew(
    tmp_path: Path, server: EmbeddedServer, waits: Waits
) -> None:
    agent = Linked(tmp_path / "agent", server.url, server.enrol_key)
    async with agent.running():
        await agent.until(lambda: agent.link.state == "connected")
        with pytest.raises(Exception, match="refuses"):
            await agent.client.post("/gather/v1/status", StatusReport(), Reply, token="wrong")
        await agent.until(lambda: agent.registrations == 2)
        await agent.until(lambda: agent.link.state == "connected")


async def test_registration_is_tried_until_it_is_answered(tmp_path: Path, waits: Waits) -> None:
    calls = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        if calls < 4:
            return web.Response(text="<html>", status=502)
        return web.json_response({"err_code": 0, "gather_id": 5, "relay_url": "/relay", "server_time": 1000.0})

    async with http_server(handler) as url:
        agent = Linked(tmp_path / "agent", url, "enrol")
        async with agent.running():
            await agent.until(lambda: agent.registrations == 1)
            assert waits.seen[:3] == [1, 2, 3]
    texts = [happening.text for happening in agent.told]
    assert sum("recording goes on" in text for text in texts[:3]) == 1  # told once, not at every try
    assert any("clock is" in text and "ahead of" in text for text in texts)
    assert agent.state.known.relay_url == url.replace("http", "ws") + "/relay"


async def test_a_relay_that_refuses_makes_it_register_anew(tmp_path: Path, waits: Waits) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/relay":
            return web.Response(status=401)
        return web.json_response({"err_code": 0, "gather_id": 5, "relay_url": "/relay"})

    async with http_server(handler) as url:
        agent = Linked(tmp_path / "agent", url, "enrol")
        async with agent.running():
            await agent.until(lambda: agent.registrations == 3)
