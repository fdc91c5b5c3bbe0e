"""Who is registered with which key, and where the relay is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiohttp import web

from agent.link.client import ServerClient, tls_context
from agent.link.failure import ServerError
from agent.link.registration import register, relay_address, this_machine
from agent.wire.models import RegisterReply, RegisterRequest
from tests.agent.storage_double import http_server

REQUEST = RegisterRequest(agent_uid="uid")


async def outcome(known: set[str], own: str, enrol_key: str, **reply: object) -> tuple[RegisterReply, list[str]]:
    """What `register` makes of a server that knows these keys, and which keys it was shown."""
    shown: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        shown.append(request.headers["Authorization"].removeprefix("Bearer "))
        if shown[-1] not in known:
            return web.json_response({"err_code": 401, "err_msg": "no"}, status=401)
        return web.json_response({"err_code": 0, "gather_id": "7", "relay_url": "/r", **reply})

    async with http_server(answer) as url:
        client = ServerClient(url, lambda: own, tls_context(None), 2.0)
        try:
            return await register(client, REQUEST, own, enrol_key), shown
        finally:
            await client.close()


async def test_the_own_token_first_and_the_enrolment_key_when_it_is_refused() -> None:
    assert (await outcome({"own", "enrol"}, "own", "enrol"))[1] == ["own"]
    assert (await outcome({"enrol"}, "own", "enrol"))[1] == ["own", "enrol"]
    assert (await outcome({"enrol"}, "", "enrol"))[1] == ["enrol"]


async def test_numbers_may_be_strings() -> None:
    reply, _ = await outcome({"own"}, "own", "", server_time="1800000000.5", gather={"slice_val": "5"})
    assert (reply.gather_id, reply.server_time, reply.gather.slice_val) == (7, 1_800_000_000.5, 5)


@pytest.mark.parametrize(("token", "key"), [("own", ""), ("", "wrong"), ("own", "wrong")])
async def test_refused_by_both(token: str, key: str) -> None:
    with pytest.raises(ServerError) as caught:
        await outcome(set(), token, key)
    assert caught.value.refused


async def test_without_any_key_it_is_said_what_to_set() -> None:
    with pytest.raises(ServerError, match=r"server\.enrol_key"):
        await outcome(set(), "", "")


async def test_a_token_that_no_header_can_carry_is_not_taken() -> None:
    with pytest.raises(ServerError, match="token"):
        await outcome({"enrol"}, "", "enrol", token="a\r\nX-Other: b")


@pytest.mark.parametrize(
    ("base", "relay", "address"),
    [
        ("http://school:8080", "/gather/v1/relay", "ws://school:8080/gather/v1/relay"),
        ("https://school/", "/gather/v1/relay", "wss://school/gather/v1/relay"),
        ("https://school/cloud", "relay", "wss://school/cloud/relay"),
        ("http://school", "ws://other:9000/r?x=1", "ws://other:9000/r?x=1"),
        ("http://school", "wss://other/r", "wss://other/r"),
        ("http://school", "https://other/r", "wss://other/r"),
        ("https://school", "//other/r", "wss://other/r"),
        ("http://[::1]:80", "/r", "ws://[::1]:80/r"),
    ],
)
def test_forms_of_the_relay_address(base: str, relay: str, address: str) -> None:
    assert relay_address(base, relay) == address


@pytest.mark.parametrize(
    "relay", ["", "ftp://x/r", "file:///etc/passwd", "ws://", "ws://h:99999/", "ws://h:0/", "ws://[/"]
)
def test_what_is_no_relay(relay: str) -> None:
    with pytest.raises(ServerError, match="no websocket address"):
        relay_address("http://school", relay)


@pytest.mark.parametrize(("node", "mac"), [(0x001122AABBCC, "00-11-22-AA-BB-CC"), (0x010000000001, "")])
def test_a_machine_without_adapter_has_no_mac(monkeypatch: pytest.MonkeyPatch, node: int, mac: str) -> None:
    get: Callable[[], int] = lambda: node  # noqa: E731
    monkeypatch.setattr("uuid.getnode", get)
    machine = this_machine("uid", "http://127.0.0.1:1", "")
    assert (machine.mac_addr, machine.ip_addr, machine.agent_uid) == (mac, "127.0.0.1", "uid")
    assert machine.name_pc
    assert this_machine("uid", "http://no.such.name.invalid", "Room 3").ip_addr == ""
