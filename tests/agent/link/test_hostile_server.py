"""Servers that answer what no server should: refused by name, in bounded memory, and asked again by the back-off."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve

from agent.link import server as link_module
from agent.link.failure import LONGEST_WISH_SEC, rest_wanted
from agent.link.relay import UNDER_WAY
from agent.words import Words
from tests.agent.link.linked import Linked, Waits
from tests.agent.storage_double import http_server

REGISTERED = {"err_code": 0, "gather_id": 5, "relay_url": "/relay", "token": "own"}
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    waits = Waits()
    monkeypatch.setattr(link_module, "Backoff", lambda: waits)
    return waits


@contextlib.asynccontextmanager
async def raw_server(behave: Raw) -> AsyncIterator[str]:
    """A server that speaks no HTTP but what `behave` writes."""

    writers: list[asyncio.StreamWriter] = []

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError):
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1000)
    writer.write(b"\x00\xff220 smtp.example.org ESMTP\r\n\r\n" * 10)


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1000):
        pass


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A slow loris the other way round: always one more header, never the end."""
    await reader.read(1000)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        writer.write(f"X-{number}: 1\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.05)


async def long_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1000)
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(200):
        writer.write(b"x" * 100_000)
        await writer.drain()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1000)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def whole(body: bytes, *head: str, status: str = "200 OK") -> Raw:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4000)
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *head, "", ""]
        writer.write("\r\n".join(lines).encode())
        for begin in range(0, len(body), 1 << 16):
            writer.write(body[begin : begin + (1 << 16)])
            await writer.drain()

    return behave


BOMB = gzip.compress(b" " * (200 << 20))
HOSTILE: dict[str, tuple[Raw, set[str]]] = {
    "garbage": (garbage, {"unreachable", "dropped", "garbage"}),
    "silence": (silence, {"timeout"}),
    "drip": (drip, {"timeout", "garbage", "unreachable"}),
    "long head": (long_head, {"garbage", "unreachable", "dropped"}),
    "hang up": (hang_up, {"dropped"}),
    "html": (whole(b"<html>Please log in</html>"), {"garbage"}),
    "html 500": (whole(b"<html>Oops</html>", status="500 Oops"), {"broken"}),
    "redirect": (whole(b"", "Location: http://portal.example/", status="302 Found"), {"redirect"}),
    "redirect to itself": (whole(b"", "Location: /gather/v1/register", status="308 Again"), {"redirect"}),
    "huge": (whole(b" " * (20 << 20)), {"garbage"}),
    "bomb": (whole(BOMB, "Content-Encoding: gzip"), {"garbage", "dropped"}),
    "bad gzip": (whole(b"nothing of that kind", "Content-Encoding: gzip"), {"dropped", "garbage"}),
    "deep": (whole(b'{"a":' * 100_000), {"garbage"}),
    "wrong types": (whole(b'{"err_code": 0, "gather_id": "seven", "relay_url": []}'), {"garbage"}),
    "no relay": (whole(b'{"err_code": 0, "gather_id": 7}'), {"garbage"}),
    "file relay": (whole(b'{"err_code": 0, "gather_id": 7, "relay_url": "file:///etc/passwd"}'), {"garbage"}),
    "token of lines": (whole(b'{"err_code": 0, "relay_url": "/r", "token": "a\\r\\nX: y"}'), {"garbage"}),
    "no": (whole(b'{"err_code": 1004, "err_msg": "no"}'), {"said_no"}),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_answer_has_a_name_and_is_asked_again(tmp_path: Path, waits: Waits, kind: str) -> None:
    behave, causes = HOSTILE[kind]
    async with raw_server(behave) as url:
        agent = Linked(tmp_path / "agent", url, "enrol", timeout_sec=0.5 if "timeout" in causes else 10.0)
        tracemalloc.start()
        async with agent.running():
            await agent.until(lambda: bool(agent.link.cause))
            await agent.polled(lambda: len(waits.seen) >= 2)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert agent.link.cause in causes, agent.link.detail
    assert agent.link.state == "offline"
    assert len(agent.link.detail) < 600
    assert agent.state.token == ""
    assert most < 40 << 20, f"{most >> 20} MiB"
    assert all(Words(language)(f"link_cause_{agent.link.cause}") for language in ("en", "zh"))


async def test_retry_after_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await real(0)

    calls = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        if calls == 1:
            return web.Response(status=503, headers={"Retry-After": "77"})
        if calls == 2:
            return web.json_response({"err_code": 429}, status=429, headers={"Retry-After": "99999999"})
        return web.json_response(REGISTERED)

    monkeypatch.setattr("agent.link.server.asyncio.sleep", sleep)
    async with http_server(answer) as url:
        agent = Linked(tmp_path / "agent", url, "enrol")
        async with agent.running():
            await agent.until(lambda: agent.registrations == 1)
    assert [wait for wait in slept if wait > 40] == [77, LONGEST_WISH_SEC]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *((None, 0), ("", 0), ("12", 12), ("-5", 0), ("soon", 0), ("1e400", 0), ("9" * 400, LONGEST_WISH_SEC)),
        *(("Fri, 31 Dec 1999 23:59:59 GMT", 0), ("Fri, 31 Dec 2399 23:59:59 GMT", LONGEST_WISH_SEC)),
    ],
)
def test_what_retry_after_asks_for(text: str | None, seconds: float) -> None:
    assert rest_wanted(text) == seconds


@contextlib.asynccontextmanager
async def relay_server(behave: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """Registers everybody, with a relay that does as it likes."""
    relays = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal relays
        relays += 1
        await behave(socket)

    async with serve(talk, "127.0.0.1", 0, max_size=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]

        async def register(_: web.Request) -> web.StreamResponse:
            return web.json_response({**REGISTERED, "relay_url": f"ws://127.0.0.1:{port}/relay"})

        async with http_server(register) as url:
            yield url


async def test_a_flood_of_commands_costs_the_server_time_and_no_memory(tmp_path: Path, waits: Waits) -> None:
    answered = 0

    async def flood(socket: ServerConnection) -> None:
        nonlocal answered
        await socket.recv()
        for number in range(2000):
            await socket.send(json.dumps({"id": f"c{number}", "cmd": "status"}))
        async for text in socket:
            answered += json.loads(text)["err_code"] == 0
            if answered == 2000:
                return

    async with relay_server(flood) as url:
        agent = Linked(tmp_path / "agent", url, "enrol")
        agent.gate.clear()
        async with agent.running():
            await agent.until(lambda: agent.waiting == UNDER_WAY)
            agent.gate.set()
            await agent.until(lambda: len(agent.done) == 2000)
            await agent.polled(lambda: answered == 2000)
    assert agent.most_waiting == UNDER_WAY


async def test_huge_frames_nonsense_and_repeated_ids_leave_the_agent_as_it_was(tmp_path: Path, waits: Waits) -> None:
    visits = 0

    async def hostile(socket: ServerConnection) -> None:
        nonlocal visits
        visits += 1
        await socket.recv()
        if visits == 1:
            await socket.send(" " * (64 << 20))  # compressed on its way to next to nothing
            await socket.wait_closed()
        elif visits == 2:
            await socket.send(b"\x00" * 1000)
            await socket.send("no JSON")
            await socket.send(json.dumps({"id": "x", "cmd": "format_disk"}))
            for _ in range(3):
                await socket.send(json.dumps({"id": "same", "cmd": "start_record", "data": {"camera_id": 1}}))
            answers = [json.loads(await socket.recv()) for _ in range(4)]
            assert [one["id"] for one in answers].count("same") == 3
        else:
            await socket.send(json.dumps({"sync": {"rev": 3, "gather": {}, "cameras": []}}))
            await socket.send(json.dumps({"id": "same", "cmd": "start_record", "data": {"camera_id": 1}}))
            await socket.wait_closed()

    async with relay_server(hostile) as url:
        agent = Linked(tmp_path / "agent", url, "enrol")
        async with agent.running():
            await agent.until(lambda: agent.link.state == "connected")
            assert agent.link.cause == "relay"
    assert sorted(agent.done) == ["same", "x"]
    assert visits == 3


async def test_a_relay_that_sends_us_elsewhere_is_not_followed(tmp_path: Path, waits: Waits) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/relay":
            return web.Response(status=302, headers={"Location": "/other"})
        return web.json_response(REGISTERED)

    async with http_server(answer) as url:
        agent = Linked(tmp_path / "agent", url, "enrol")
        async with agent.running():
            await agent.until(lambda: bool(agent.link.cause))
    assert agent.link.cause == "redirect"
    assert "/other" not in asked
