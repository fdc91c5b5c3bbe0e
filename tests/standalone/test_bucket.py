"""What agents upload lies in a bucket: taken, shown with ranges, downloaded and deleted through the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from agent.standalone.bucket import parse_bucket
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings, SettingsError
from tests.servers.proxy import Line, Proxy, target_of
from tests.servers.s3_moto import BUCKET, S3Server, s3_server
from tests.standalone.helpers import JPEG, Api, FakeClock, ScriptedAgent, record, set_up, sign_in, stem
from tests.standalone.test_api_cameras import add

MEDIA = bytes(range(256)) * 40_000  # 10 MB: two parts


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


def bucket_settings(tmp_path: Path, bucket: S3Server, *, redirect: bool = False) -> ServerSettings:
    """A server whose storage is a folder of this bucket."""
    key, secret = (quote(word, safe="") for word in (bucket.who.access_key, bucket.who.secret_key))
    address = f"s3+http://{key}:{secret}@{bucket.url.removeprefix('http://')}/{BUCKET}/{tmp_path.name}"
    return ServerSettings(tmp_path / "server", timezone="Asia/Shanghai", storage=address, storage_redirect=redirect)


async def bring(api: Api, agent: ScriptedAgent) -> str:
    """The path of a recording with its picture that an agent brought and reported."""
    name = stem(await add(api, agent))
    status, answer = await agent.put(name + ".mp4", MEDIA)
    assert status == 200, answer
    _, picture = await agent.put(name + ".jpg", JPEG)
    assert (await agent.post("records", record(name, answer, image_fdfs=picture["file"])))[0] == 200
    return str(answer["file"])


@pytest.fixture
def settings(tmp_path: Path, bucket: S3Server) -> ServerSettings:
    return bucket_settings(tmp_path, bucket)


@pytest.fixture
async def stored(api: Api, agent: ScriptedAgent) -> str:
    return await bring(api, agent)


async def storage_page(server: EmbeddedServer, http: aiohttp.ClientSession) -> str:
    async with http.get(f"{server.url}/console/storage?lang=en") as response:
        return await response.text()


async def test_the_console_tells_of_the_bucket(
    stored: str, api: Api, bucket: S3Server, settings: ServerSettings, tmp_path: Path
) -> None:
    await set_up(api.server, api.http)
    text = await storage_page(api.server, api.http)
    assert f"<dd>{bucket.url.removeprefix('http://')}/{BUCKET}/{tmp_path.name}</dd>" in text
    assert "The bucket answers and has the newest file." in text and "2 files, 10.2 MB" in text
    assert "has room for" not in text and bucket.who.secret_key not in text

    nobody = replace(settings, storage="s3+http://key:secret@127.0.0.1:9/bucket")
    other = EmbeddedServer(nobody, FakeClock())
    await other.start()
    try:
        await sign_in(other, api.http)
        text = await storage_page(other, api.http)
        assert 'role="alert"' in text and "The bucket cannot be used: " in text and "127.0.0.1:9/bucket" in text
    finally:
        await other.stop()


async def test_it_lies_there_and_not_here(
    stored: str, bucket: S3Server, settings: ServerSettings, tmp_path: Path
) -> None:
    key = f"/{BUCKET}/{tmp_path.name}/{stored.removeprefix('/storage/')}"
    assert bucket.content(key) == MEDIA
    assert bucket.content(key.replace(".mp4", ".jpg")) == JPEG
    left = [path.name for path in settings.data_dir.rglob("*") if path.suffix in (".mp4", ".jpg", ".part")]
    assert left == []


@pytest.mark.parametrize(
    ("wanted", "status", "first", "last"),
    [("", 200, 0, len(MEDIA) - 1), ("bytes=5-9", 206, 5, 9), ("bytes=-4", 206, len(MEDIA) - 4, len(MEDIA) - 1)],
)
async def test_it_is_shown_with_ranges(api: Api, stored: str, wanted: str, status: int, first: int, last: int) -> None:
    async with api.http.get(api.server.url + stored, headers={"Range": wanted} if wanted else {}) as response:
        assert (response.status, response.headers["Content-Type"]) == (status, "video/mp4")
        assert response.headers["Accept-Ranges"] == "bytes"
        if wanted:
            assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(MEDIA)}"
        assert await response.read() == MEDIA[first : last + 1]


async def test_what_is_not_there_and_what_cannot_be_had(api: Api, stored: str) -> None:
    async with api.http.head(api.server.url + stored) as response:
        assert (response.status, response.content_length) == (200, len(MEDIA))
    async with api.http.get(api.server.url + stored, headers={"Range": "bytes=99999999-"}) as response:
        assert response.status == 416
    async with api.http.get(api.server.url + stored.replace(stem(1)[:32], "f" * 32)) as response:
        assert response.status == 404


async def test_what_a_browser_has_is_not_sent_again(api: Api, stored: str) -> None:
    async with api.http.get(api.server.url + stored) as response:
        known, since = response.headers["ETag"], response.headers["Last-Modified"]
    for asked in ({"If-None-Match": known}, {"If-Modified-Since": since}):
        async with api.http.get(api.server.url + stored, headers=asked) as response:
            assert (response.status, await response.read()) == (304, b"")
    async with api.http.get(api.server.url + stored, headers={"If-None-Match": '"another"'}) as response:
        assert (response.status, await response.read()) == (200, MEDIA)


async def test_a_part_is_wanted_only_of_what_the_browser_has(api: Api, stored: str) -> None:
    async with api.http.get(api.server.url + stored) as response:
        known = response.headers["ETag"]
    for tag, status, content in ((known, 206, MEDIA[5:10]), ('"another"', 200, MEDIA)):
        headers = {"Range": "bytes=5-9", "If-Range": tag}
        async with api.http.get(api.server.url + stored, headers=headers) as response:
            assert (response.status, await response.read()) == (status, content)


async def test_an_answer_that_breaks_off_in_the_bucket_breaks_off_here(
    tmp_path: Path, http: aiohttp.ClientSession, bucket: S3Server, clock: FakeClock
) -> None:
    key, secret = (quote(word, safe="") for word in (bucket.who.access_key, bucket.who.secret_key))
    proxy = Proxy(target_of(bucket.url), lambda _: Line(cut_down=len(MEDIA) // 2))
    async with proxy.serve():
        address = f"s3+http://{key}:{secret}@127.0.0.1:{proxy.port}/{BUCKET}/{tmp_path.name}"
        server = EmbeddedServer(ServerSettings(tmp_path / "server", storage=address), clock)
        await server.start()
        try:
            api, agent = Api(http, server), ScriptedAgent(server, http)
            await api.sign_in()
            await agent.register()
            status, answer = await agent.put(stem(await add(api, agent)) + ".mp4", MEDIA)
            assert status == 200, answer
            with pytest.raises(aiohttp.ClientPayloadError):
                async with asyncio.timeout(60), http.get(server.url + answer["file"]) as response:
                    await response.read()
        finally:
            await server.stop()


async def test_the_agent_is_told_what_is_there(agent: ScriptedAgent, stored: str) -> None:
    url = f"{agent.server.url}/gather/v1/files/{stored.rpartition('/')[2]}"
    async with agent.http.head(url, headers=agent.auth) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, str(len(MEDIA)))
    status, again = await agent.put(stored.rpartition("/")[2], MEDIA)
    assert (status, again["file"]) == (200, stored)


async def test_it_is_downloaded_and_deleted(api: Api, stored: str, bucket: S3Server, tmp_path: Path) -> None:
    url = (await api.ok("play_record", record_id=1))["play_url"].replace("?", "/download?")
    async with api.http.get(url) as response:
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert await response.read() == MEDIA
    await api.ok("del_record", record_id=1)
    await api.server._services.sweeper.idle()
    key = f"/{BUCKET}/{tmp_path.name}/{stored.removeprefix('/storage/')}"
    assert bucket.content(key) is None and bucket.content(key.replace(".mp4", ".jpg")) is None


async def test_while_the_bucket_is_away_nothing_is_confirmed_and_nothing_sent_twice(
    tmp_path: Path, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    folder = tmp_path / "s3"
    folder.mkdir()
    with s3_server(folder) as bucket:
        address = f"s3+http://{quote(bucket.who.access_key)}:wrong@{bucket.url.removeprefix('http://')}/{BUCKET}"
        server = EmbeddedServer(ServerSettings(tmp_path / "server", storage=address), clock)
        await server.start()
        try:
            api, agent = Api(http, server), ScriptedAgent(server, http)
            await api.sign_in()
            await agent.register()
            name = stem(await add(api, agent)) + ".mp4"
            status, answer = await agent.put(name, MEDIA)
            assert status == 503 and "the storage behind this server" in answer["err_msg"]
            assert bucket.who.secret_key not in answer["err_msg"]
            digest = {"Repr-Digest": agent.digest(MEDIA)}
            async with http.head(f"{server.url}/gather/v1/files/{name}", headers=agent.auth | digest) as response:
                assert (response.status, response.headers["Upload-Offset"]) == (404, str(len(MEDIA)))
        finally:
            await server.stop()


@pytest.mark.parametrize(
    "address",
    ["", "s3+https://host/bucket", "s3+https://key:secret@host", "https://k:s@host/bucket", "s3+ftp://k:s@host/b"],
)
def test_what_is_no_bucket(address: str) -> None:
    with pytest.raises(SettingsError, match="storage: not the address of a bucket"):
        parse_bucket(address)


def test_a_bucket_in_full() -> None:
    found = parse_bucket("s3+https://AK:s%2Fe%40c@[::1]:9000/b/one/two/?region=cn-1")
    assert (found.endpoint, found.name, found.folder) == ("https://[::1]:9000", "b", "one/two")
    assert (found.who.access_key, found.who.secret_key, found.who.region) == ("AK", "s/e@c", "cn-1")
    assert "s/e@c" not in repr(found)
