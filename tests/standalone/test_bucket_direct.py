"""With `storage_redirect` players fetch from the bucket themselves, by addresses that open one file (SeaweedFS)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from agent.standalone.settings import ServerSettings
from tests.servers.s3_moto import S3Server
from tests.servers.s3_weed import weed_server
from tests.standalone.helpers import Api, ScriptedAgent
from tests.standalone.test_bucket import MEDIA, bring, bucket_settings

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with weed_server(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, bucket: S3Server) -> ServerSettings:
    return bucket_settings(tmp_path, bucket, redirect=True)


async def pointed_at(http: aiohttp.ClientSession, url: str) -> str:
    """Where in the bucket the server sends a player on to."""
    async with http.get(url, allow_redirects=False) as response:
        assert response.status == 302 and response.headers["Cache-Control"] == "private, no-store"
        return response.headers["Location"]


async def test_players_may_fetch_from_the_bucket_themselves(api: Api, agent: ScriptedAgent, bucket: S3Server) -> None:
    stored = await bring(api, agent)
    where = await pointed_at(api.http, api.server.url + stored)
    assert where.startswith(bucket.url) and bucket.who.secret_key not in where
    async with api.http.get(URL(where, encoded=True), headers={"Range": "bytes=5-9"}) as response:
        assert (response.status, await response.read()) == (206, MEDIA[5:10])
        assert response.headers["Content-Type"] == "video/mp4"
    async with api.http.head(api.server.url + stored) as response:
        assert (response.status, response.content_length) == (200, len(MEDIA)), "by the server itself"


async def test_that_address_opens_nothing_else(api: Api, agent: ScriptedAgent) -> None:
    where = await pointed_at(api.http, api.server.url + await bring(api, agent))
    changes = ((".mp4?", ".jpg?"), ("Expires=43200", "Expires=43201"), ("video%2Fmp4", "text%2Fhtml"))
    for other in [where.replace(*change) for change in changes] + [where.partition("?")[0]]:
        assert other != where
        async with api.http.get(URL(other, encoded=True)) as response:
            assert response.status == 403, other


async def test_a_page_may_play_it_and_a_download_has_a_name(api: Api, agent: ScriptedAgent, bucket: S3Server) -> None:
    await bring(api, agent)
    page = (await api.ok("play_record", record_id=1))["play_url"].partition("?")[0]
    async with api.http.get(page) as response:
        policy = response.headers["Content-Security-Policy"]
    assert f"media-src 'self' {bucket.url};" in policy and f"img-src 'self' {bucket.url} data:" in policy
    where = await pointed_at(api.http, page + "/download")
    async with api.http.get(URL(where, encoded=True)) as response:
        assert "filename*=UTF-8''" in response.headers["Content-Disposition"]
        assert await response.read() == MEDIA
