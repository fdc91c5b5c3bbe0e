"""What is waited for, and how long: heads and bodies that come slowly, or are large, or never end."""

from __future__ import annotations

import asyncio
import io
import json
import logging

import aiohttp
import pytest

from agent.standalone import bodies
from agent.standalone import server as server_module
from agent.standalone.bodies import MOST_BYTES
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from tests.standalone.helpers import Api, FakeClock, ScriptedAgent, set_up


async def opened(server: EmbeddedServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = server.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def test_heads_that_never_end_are_given_up(
    settings: ServerSettings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.2)
    server = EmbeddedServer(settings, clock)
    await server.start()
    lines = [await opened(server) for _ in range(20)]
    try:
        for _, writer in lines:
            writer.write(b"GET /api/v1/version HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        for reader, _ in lines:
            assert await asyncio.wait_for(reader.read(), 30) == b""
    finally:
        for _, writer in lines:
            writer.close()
        await server.stop()


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/v1/list_school?token={token}&name=a b HTTP/1.1",
        "GET /api/v1/list_school?token={token} HTTP/9.9",
        "GET /api/v1/list_school?token={token}&name=" + "x" * 70_000 + " HTTP/1.1",
        "GET /api/v1/list_school/token/{token}\x7f\x01 HTTP/1.1",
    ],
)
async def test_a_request_that_is_none_leaves_one_line_without_its_token(
    api: Api, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    with caplog.at_level(logging.INFO):
        reader, writer = await opened(api.server)
        writer.write(line.format(token=api.token).encode() + b"\r\nHost: x\r\n\r\n")
        assert b" 400 " in await asyncio.wait_for(reader.readline(), 30)
        writer.close()
    (said,) = [one for one in caplog.records if one.name == "agent.standalone.http"]
    assert said.levelno == logging.INFO and "from 127.0.0.1" in said.getMessage()
    assert api.token not in caplog.text and "Traceback" not in caplog.text


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/set-up", "/gather/v1/status"])
async def test_bodies_that_never_end_are_given_up(
    server: EmbeddedServer, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    reader, writer = await opened(server)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nAuthorization: Bearer {agent.token}\r\n"
    writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nname=".encode())
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 30)
    writer.close()


async def test_of_a_stranger_nothing_is_read(server: EmbeddedServer) -> None:
    for what in ("register", "records", "snapshots", "status"):
        reader, writer = await opened(server)
        head = (
            f"POST /gather/v1/{what} HTTP/1.1\r\nHost: x\r\nContent-Length: 16000000\r\nAuthorization: Bearer x\r\n\r\n"
        )
        writer.write(head.encode())
        assert b" 401 " in await asyncio.wait_for(reader.readline(), 30), what
        writer.close()


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/do/add_subject"])
async def test_forms_have_a_size(server: EmbeddedServer, http: aiohttp.ClientSession, path: str) -> None:
    await set_up(server, http)
    for kind in ("application/x-www-form-urlencoded", "application/json"):
        body = io.BytesIO(b'{"name":"' + b"x" * MOST_BYTES + b'"}')
        async with http.post(server.url + path, data=body, headers={"Content-Type": kind}) as response:
            assert response.status == (403 if path.endswith("sign-in") and kind.endswith("json") else 413)


async def test_a_terms_lessons_fit_in_one_report(agent: ScriptedAgent) -> None:
    gap = {"since": 1.0, "until": 2.0, "cause": "unreachable", "detail": "x" * 1000}
    lesson = {"slice_id": 5, "camera_id": 77, "course_id": 1, "planned_start": 1.0, "gaps": [gap] * 3000}
    body = io.BytesIO(json.dumps({"lessons": [lesson]}).encode())
    async with agent.http.post(f"{agent.server.url}/gather/v1/status", data=body, headers=agent.auth) as response:
        assert response.status == 200
