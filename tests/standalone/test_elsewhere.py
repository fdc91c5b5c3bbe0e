"""Recordings in a storage of the agents' own are fetched there, by the address that API v1 gives out."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest
from yarl import URL

from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from tests.standalone.helpers import Api, ScriptedAgent, record, stem

FRONT = "http://storage.example:8888/web"
FILE = "/group1/M00/00/00/fwAAAWrW%E5%BD%95.mp4"


@pytest.fixture
def settings(settings: ServerSettings) -> ServerSettings:
    return replace(settings, storage_addr=FRONT)


async def test_the_address_leads_to_the_storage_and_the_player_may_follow(
    server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    api, agent = Api(http, server), ScriptedAgent(server, http)
    await api.sign_in()
    await agent.register()
    stored = {"file": FILE, "size": 5, "sha256": "0" * 64}
    assert (await agent.post("records", record(stem(), stored)))[0] == 200
    listed = await api.ok("list_record")
    address = listed["storage_addr"] + listed["data"][0]["file_fdfs"]
    async with http.get(URL(address, encoded=True), allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, FRONT + FILE)
    played = await api.ok("play_record", record_id=listed["data"][0]["record_id"])
    async with http.get(played["play_url"]) as page:
        assert FILE in await page.text()
        assert "media-src 'self' http://storage.example:8888;" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/x.html", "/storage/recordings/2026-01-01/x", "/.env"])
async def test_nothing_else_is_sent_on(server: EmbeddedServer, http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(server.url + path, allow_redirects=False) as answer:
        assert answer.status == 404


async def test_own_recordings_stay_here(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    agent = ScriptedAgent(server, http)
    await agent.register()
    _, stored = await agent.put(stem() + ".mp4", b"media")
    async with http.get(server.url + stored["file"], allow_redirects=False) as answer:
        assert await answer.read() == b"media"
