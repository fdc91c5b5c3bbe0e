"""Bodies posted to servers that answer as servers, portals and proxies do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from agent.link.client import MAX_ANSWER, ServerClient, tls_context
from agent.link.failure import ServerError
from agent.wire.models import RegisterReply, Reply, StatusReport
from tests.agent.storage_double import http_server

Connect = Callable[[str], ServerClient]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    clients: list[ServerClient] = []

    def connect(url: str) -> ServerClient:
        clients.append(ServerClient(url, lambda: "own-token", tls_context(None), 2.0))
        return clients[-1]

    yield connect
    for client in clients:
        await client.close()


async def ask(connect: Connect, text: str, status: int = 200) -> Reply:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type="application/json")

    async with http_server(answer) as url:
        return await connect(url).post("/gather/v1/status", StatusReport(), Reply)


async def test_what_is_sent(connect: Connect) -> None:
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        assert await request.json() == StatusReport(queue_files=3).model_dump(mode="json")
        return web.json_response({"err_code": "0"})

    async with http_server(answer) as url:
        client = connect(url + "/")
        await client.post("/gather/v1/status", StatusReport(queue_files=3), Reply)
        await client.post("/gather/v1/status", StatusReport(queue_files=3), Reply, token="enrol")
    assert [request.path for request in seen] == ["/gather/v1/status"] * 2
    assert [request.headers["Authorization"] for request in seen] == ["Bearer own-token", "Bearer enrol"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("{}", 200),
        ('{"status": "ok"}', 200),
        ("{}", 500),
        ('{"err_code": 0}', 500),
        ('{"err_code": "none"}', 200),
        ("[]", 200),
        ("", 200),
        ("<html>Please log in</html>", 200),
        ('{"err_code": 0', 200),
    ],
)
async def test_nothing_but_err_code_0_confirms(connect: Connect, text: str, status: int) -> None:
    with pytest.raises(ServerError, match="not of this protocol") as caught:
        await ask(connect, text, status)
    assert not caught.value.rejected
    assert not caught.value.refused


@pytest.mark.parametrize(("status", "rejected"), [(200, True), (400, True), (409, True), (422, True), (503, False)])
async def test_a_no_to_this_body_is_told_from_a_no_for_now(connect: Connect, status: int, rejected: bool) -> None:
    with pytest.raises(ServerError, match="1011 wrong") as caught:
        await ask(connect, '{"err_code": 1011, "err_msg": "wrong"}', status)
    assert caught.value.rejected is rejected


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_is_told_apart(connect: Connect, status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with http_server(answer) as url:
        client = connect(url)
        with pytest.raises(ServerError) as caught:
            await client.post("/x", StatusReport(), Reply)
    assert caught.value.refused
    assert client.refused.is_set()


async def test_an_answer_in_pieces_is_read_whole(connect: Connect) -> None:
    read = asyncio.Event()
    reply = RegisterReply(gather_id=3, relay_url="/relay", token="t" * 100_000).model_dump_json().encode()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(reply[:20])
        read.set()
        await asyncio.sleep(0)
        await response.write(reply[20:])
        return response

    async with http_server(answer) as url:
        got = await connect(url).post("/x", StatusReport(), RegisterReply)
    assert (got.gather_id, len(got.token)) == (3, 100_000)


async def test_an_endless_answer_is_given_up(connect: Connect) -> None:
    with pytest.raises(ServerError, match="more than 1 MiB"):
        await ask(connect, " " * (MAX_ANSWER + 1))


async def test_no_server(connect: Connect) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async with http_server(answer) as url:
        pass
    with pytest.raises(ServerError, match="cannot be reached") as caught:
        await connect(url).post("/x", StatusReport(), Reply)
    assert not caught.value.refused
