"""Who may frame what, and what people are told when passwords would cross a network in plain text."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError

from agent.cli.serve import to_do, unprotected
from agent.config import Config
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.words import Words
from tests.standalone.helpers import Api, ScriptedAgent, set_up
from tests.standalone.test_api_cameras import add

SITE = "https://lessons.school.example"


@pytest.mark.parametrize("settings", [{}, {"frame_ancestors": SITE}], indirect=True)
async def test_only_player_pages_are_framed_and_only_where_allowed(
    api: Api, agent: ScriptedAgent, settings: ServerSettings
) -> None:
    camera_id = await add(api, agent)
    play_url = (await api.ok("play_camera", camera_id=camera_id))["play_url"]
    for url in (play_url, f"{api.server.url}/play/camera/x", f"{api.server.url}/play/record/x"):
        async with api.http.get(url) as response:
            policy = response.headers["Content-Security-Policy"]
        assert policy.endswith(f"; frame-ancestors {settings.frame_ancestors}")
    await set_up(api.server, api.http)
    for path in ("/", "/console/users"):
        async with api.http.get(api.server.url + path) as response:
            assert response.headers["Content-Security-Policy"].endswith("; frame-ancestors 'none'")


@pytest.mark.parametrize("path", ["/", "/api/v1/version", "/gather/v1/register", "/nothing", "/live/x.flv"])
async def test_every_answer_is_taken_for_what_it_says(
    server: EmbeddedServer, http: aiohttp.ClientSession, path: str
) -> None:
    async with http.get(server.url + path) as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("sources", "good"),
    [
        ("*", True),
        ("'none'", True),
        (f"{SITE} https://*.school.example:8443", True),
        ("", False),
        ("school.example", False),
        ("*; script-src *", False),
        (f"{SITE};", False),
        (f"{SITE}\nX: y", False),
        ("javascript:", False),
    ],
)
def test_what_may_be_configured(tmp_path: Path, sources: str, good: bool) -> None:
    standalone = {"folder": str(tmp_path), "frame_ancestors": sources}
    if good:
        assert Config(standalone=standalone).standalone.frame_ancestors == sources
    else:
        with pytest.raises(ValidationError):
            Config(standalone=standalone)


@pytest.mark.parametrize(
    ("settings", "warned", "with_code"),
    [
        ({}, False, False),
        ({"host": "0.0.0.0"}, True, True),
        ({"host": "::"}, True, True),
        ({"public_url": "http://recorder.school.example"}, True, True),
        ({"public_url": "https://recorder.school.example"}, False, True),
        ({"host": "0.0.0.0", "public_url": "https://recorder.school.example"}, False, True),
    ],
    indirect=["settings"],
)
async def test_what_the_terminal_says(server: EmbeddedServer, warned: bool, with_code: bool) -> None:
    assert bool(unprotected(server, Words("en"))) is warned
    assert (server.set_up_code in to_do(server, Words("en"))) is with_code


@pytest.mark.parametrize("settings", [{"public_url": "https://recorder.school.example"}], indirect=True)
async def test_behind_tls_the_cookie_is_secure(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    data = {"name": "Owner", "password": "a long password", "again": "a long password", "code": server.set_up_code}
    async with http.post(f"{server.url}/console/set-up", data=data, allow_redirects=False) as response:
        assert response.status == 303
        assert "; Secure" in response.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "path",
    [
        "/storage/recordings/2026-11-24/../../secrets.json",
        "/storage/recordings/2026-11-24/%2e%2e%2f%2e%2e%2fsecrets.json",
        "/storage/snapshots/..%2fsecrets.json",
        "/storage/snapshots//etc/passwd",
        "/console/assets/..%2fdoor.py",
        "/console/assets/door.py",
        "/console/assets/%2e%2e/accounts.py",
        "/storage/../secrets.json",
        "/secrets.json",
        "/server.sqlite",
    ],
)
async def test_no_path_leads_out_of_the_storage(server: EmbeddedServer, path: str) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 403")), answer[:300]
    assert server.credential.encode() not in answer


def test_nothing_is_bound_to_a_network_unless_told(tmp_path: Path) -> None:
    assert Config(standalone={"folder": str(tmp_path)}).standalone.host == "127.0.0.1"
    assert ServerSettings(tmp_path).loopback
