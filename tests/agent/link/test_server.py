"""The whole link against the embedded server, and against its lost memory."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from agent.link import server as link_module
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.state import AgentState
from agent.wire.models import Reply, StatusReport
from tests.agent.link.linked import Linked, Waits
from tests.agent.storage_double import http_server


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


async def test_a_token_that_is_revoked_has_a_name_where_no_key_helps(
    tmp_path: Path, server: EmbeddedServer, waits: Waits
) -> None:
    state = AgentState(tmp_path / "agent")
    state.set_token("revoked")
    agent = Linked(tmp_path / "agent", server.url, "")
    async with agent.running():
        await agent.until(lambda: bool(agent.link.cause))
        assert (agent.link.cause, agent.link.state) == ("refused", "offline")
        assert "enrol key" in agent.link.detail
        assert "revoked" not in agent.link.detail
        assert AgentState(tmp_path / "agent").token == "revoked", "it may have been a mistake of the server's"


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


async def test_a_copied_disk_is_named_by_both_of_its_agents(
    tmp_path: Path, server: EmbeddedServer, waits: Waits
) -> None:
    first = Linked(tmp_path / "agent", server.url, server.enrol_key)
    async with first.running():
        await first.until(lambda: first.link.state == "connected")
        shutil.copytree(tmp_path / "agent", tmp_path / "copy")
        second = Linked(tmp_path / "copy", server.url, "")
        async with second.running():
            await first.polled(lambda: first.link.has_twin)
            await second.polled(lambda: second.link.has_twin)
    assert any("was this disk or folder copied?" in one.text for one in first.told)


async def test_a_server_that_stops_is_no_twin(tmp_path: Path, waits: Waits) -> None:
    server = EmbeddedServer(ServerSettings(data_dir=tmp_path / "server", timezone="Asia/Shanghai"))
    await server.start()
    agent = Linked(tmp_path / "agent", server.url, server.enrol_key)
    async with agent.running():
        await agent.until(lambda: agent.link.state == "connected")
        await server.stop()
        await agent.polled(lambda: agent.link.state != "connected")
        assert not agent.link.has_twin
