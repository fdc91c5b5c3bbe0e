"""Every route of the server, for everybody who may come: each route is in the table, or the test fails."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import aiohttp
import pytest

from agent.standalone.console.pages import PAGES
from agent.standalone.server import EmbeddedServer
from tests.standalone.console.test_do import as_viewer
from tests.standalone.helpers import Api, ScriptedAgent, set_up

ASSETS = re.compile(r"/(console|play)/assets/[\w.-]+|/console/console\.(css|js)")
"""For everybody: the same for each installation."""
BY_ADDRESS = re.compile(r"/(play|storage)/.+|/live/\{ticket\}\.flv")
"""For who has the address, which nobody can make up."""
BY_AGENT = re.compile(r"/gather/v1/.+")
DOOR = {"/console/set-up", "/console/sign-in", "/console/sign-out"}
"""For everybody; each judges by itself (`console/test_door.py`)."""
API_V1 = "/api/v1/{call}"
"""By its own token (`conformance`)."""
CHANGE = "/console/do/{name}"
PAGE = {page.path: page for page in PAGES}
DATA = {re.sub(r":.*\}", "}", f"{page.path.rstrip('/')}/{name}"): page for page in PAGES for name in page.data}
MADE_UP = {"ticket": "WzEsMV0.awTvoA.orlKZY-2SxVkOz7xGReb8p-IeuU", "camera_id": "1", "record_id": "1"}
MADE_UP |= {"day": "2026-11-24", "stem": "0" * 32 + "_1_1_1_1_1_1.mp4", "key": "0" * 32 + ".jpg", "name": "live_1.jpg"}


def routes(server: EmbeddedServer) -> list[tuple[str, str]]:
    """Methods and patterns, as the running server has them."""
    assert server._runner is not None
    router = server._runner.app.router
    found = {(route.method, route.resource.canonical) for route in router.routes() if route.resource is not None}
    return sorted(found)


async def status(
    server: EmbeddedServer, http: aiohttp.ClientSession, method: str, pattern: str, headers: Mapping[str, str]
) -> tuple[int, str]:
    """What a request answers: its status, and its body where it is a page."""
    path = re.sub(r"\{(\w+)\}", lambda match: MADE_UP[match[1]], pattern)
    async with http.request(method, server.url + path, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text(errors="replace")


def test_the_table_knows_the_pages() -> None:
    assert PAGE["/"].path == "/" and any(page.administrators_only for page in PAGES)


async def test_no_route_is_forgotten(server: EmbeddedServer) -> None:
    known = DOOR | {API_V1, CHANGE} | set(PAGE) | set(DATA)
    patterns = (ASSETS, BY_ADDRESS, BY_AGENT)
    forgotten = [
        path for _, path in routes(server) if path not in known and not any(one.fullmatch(path) for one in patterns)
    ]
    assert forgotten == []


async def test_agents_routes_are_for_agents(api: Api, agent: ScriptedAgent) -> None:
    server, http = api.server, api.http
    await set_up(server, http)  # an administrator's cookie goes with each request
    forged = agent.token[:-1] + ("A" if agent.token[-1] != "A" else "B")
    wrong = ["", api.token, server.credential, server.enrol_key, forged, "x" * 5000, "None", "null"]
    for method, path in routes(server):
        if not BY_AGENT.fullmatch(path):
            continue
        for token in wrong:
            if path.endswith("/register") and token == server.enrol_key:
                continue
            given = {"Authorization": f"Bearer {token}"} if token else {}
            assert (await status(server, http, method, path, given))[0] == 401, (method, path, token)
        given = {"Authorization": f"Basic {agent.token}"}
        assert (await status(server, http, method, path, given))[0] == 401, (method, path)


async def test_nothing_of_the_console_is_for_who_is_not_signed_in(api: Api, agent: ScriptedAgent) -> None:
    server = api.server
    await set_up(server, api.http)
    async with aiohttp.ClientSession() as stranger:
        for cookie in ("", "x", api.token, "x" * 3000):
            for headers in ({}, agent.auth, {"Authorization": f"Bearer {api.token}"}):
                sent = {**headers, "Cookie": f"gather_console={cookie}"}
                for method, path in routes(server):
                    if path in PAGE and method == "GET":
                        _, text = await status(server, stranger, method, path, sent)
                        assert 'action="/console/sign-in"' in text and "<nav" not in text, path
                        found, _ = await status(server, stranger, method, path + "?part=1", sent)
                        assert found == 401, path
                    elif (path in DATA and method == "GET") or path == CHANGE:
                        found, _ = await status(server, stranger, method, path, sent)
                        assert found == 401, path


async def test_viewers_get_what_is_for_viewers(api: Api, agent: ScriptedAgent) -> None:
    server, http = api.server, api.http
    await as_viewer(server, http)
    for method, path in routes(server):
        page = PAGE.get(path) or DATA.get(path)
        if page is not None and method == "GET":
            found, _ = await status(server, http, method, path, {})
            assert (found == 403) == page.administrators_only, path
            if path in PAGE:
                found, _ = await status(server, http, method, path + "?part=1", {})
                assert (found == 403) == page.administrators_only, path


async def test_addresses_that_were_made_up_open_nothing(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await set_up(server, http)
    for method, path in routes(server):
        if BY_ADDRESS.fullmatch(path) and not ASSETS.fullmatch(path):
            assert (await status(server, http, method, path, {}))[0] == 404, (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/storage/recordings/../secrets.json",
        "/storage/recordings/2026-11-24/../../secrets.json",
        "/storage/recordings/2026-11-24/%2e%2e/%2e%2e/secrets.json",
        "/storage/recordings/2026-11-24/..%2f..%2fsecrets.json",
        "/storage/%2e%2e/secrets.json",
        "/storage/snapshots/..%5csecrets.json",
        "/storage/snapshots/" + "0" * 32 + ".jpg%00.html",
        "/storage/snapshots/" + "0" * 32 + ".jpg/",
        "/storage/",
        "/secrets.json",
        "/server.sqlite",
        "/console/assets/../../secrets.json",
        "/console/assets/%2e%2e%2f%2e%2e%2fserver.py",
        "/play/assets/../../../server.py",
    ],
)
async def test_nothing_outside_has_an_address(api: Api, path: str) -> None:
    host, port = api.server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 "), answer[:80]
