"""Reverse proxies: whose word on the caller counts."""

from __future__ import annotations

from ipaddress import ip_network

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.console.access import ATTEMPTS
from agent.standalone.proxies import caller_behind
from agent.standalone.server import EmbeddedServer
from tests.standalone.helpers import OWNER, set_up

TRUSTED = (ip_network("127.0.0.1"), ip_network("10.1.0.0/24"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["1.2.3.4, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["1.2.3.4", "198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7, 10.1.0.3"], "198.51.100.7"),
        ("::ffff:127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7:51234"], "198.51.100.7"),
        ("127.0.0.1", ["[2001:db8::7]:51234"], "2001:db8::7"),
        ("127.0.0.1", ["2001:db8::7, fd00::1"], "2001:db8::7"),
        ("127.0.0.1", ["198.51.100.7, unknown"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["10.1.0.3, 10.1.0.4"], "10.1.0.3"),
    ],
)
def test_the_last_stranger_is_the_caller(peer: str, forwarded: list[str], caller: str) -> None:
    assert caller_behind(peer, forwarded, TRUSTED) == caller


@given(st.lists(st.text(max_size=40), max_size=5))
def test_what_a_stranger_writes_is_never_the_caller(lines: list[str]) -> None:
    assert caller_behind("127.0.0.1", [*lines, "198.51.100.7"], TRUSTED) == "198.51.100.7"


async def refused(server: EmbeddedServer, http: aiohttp.ClientSession, caller: str) -> int:
    """A wrong password by way of the proxy; the status of the answer."""
    headers = {"X-Forwarded-For": caller}
    data = {**OWNER, "name": "nobody", "password": "x"}
    url = f"{server.url}/console/sign-in"
    async with http.post(url, data=data, headers=headers, allow_redirects=False) as response:
        return response.status


@pytest.mark.parametrize("settings", [{"trusted_proxies": (ip_network("127.0.0.1"),)}], indirect=True)
async def test_behind_a_known_proxy_each_caller_counts_alone(
    server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    await set_up(server, http)
    http.cookie_jar.clear()
    statuses = [await refused(server, http, f"1.2.3.{number}, 198.51.100.7") for number in range(ATTEMPTS + 1)]
    assert statuses == [403] * ATTEMPTS + [429]
    assert await refused(server, http, "198.51.100.8") == 403


async def test_without_one_nobody_is_somebody_else(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await set_up(server, http)
    http.cookie_jar.clear()
    statuses = [await refused(server, http, f"198.51.100.{number}") for number in range(ATTEMPTS + 1)]
    assert statuses == [403] * ATTEMPTS + [429]


@pytest.mark.parametrize("settings", [{"trusted_proxies": (ip_network("127.0.0.1"),)}], indirect=True)
async def test_the_cookie_is_for_tls_where_the_proxy_says_so(
    server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    await set_up(server, http)
    http.cookie_jar.clear()
    for scheme, secure in (("https", True), ("http", False), ("gopher", False)):
        headers = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": scheme}
        url = f"{server.url}/console/sign-in"
        async with http.post(url, data=OWNER, headers=headers, allow_redirects=False) as response:
            assert response.status == 303
            cookies = response.headers.getall("Set-Cookie")
            assert ["Secure" in cookie for cookie in cookies] == [secure] * 2, scheme
