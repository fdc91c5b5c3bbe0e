"""Uploads to an S3 server that checks signatures (moto, with its IAM switched on), over lines that break."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.storage.s3.sigv4 import Credentials
from agent.storage.s3.storage import S3Storage
from tests.agent.storage.files import NAME, noise
from tests.servers.proxy import CLEAN, Line, Proxy, target_of
from tests.servers.s3_moto import BUCKET, S3Server, s3_server
from tests.servers.s3_weed import weed_server

pytestmark = pytest.mark.integration

PART = 5 << 20


@pytest.fixture(scope="module", params=[s3_server, weed_server], ids=["moto", "SeaweedFS"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with request.param(tmp_path_factory.mktemp("s3")) as server:
        yield server


Make = Callable[..., S3Storage]


@pytest.fixture
async def storage(server: S3Server) -> AsyncIterator[Make]:
    made: list[S3Storage] = []

    def make(
        url: str = server.url,
        who: Credentials = server.who,
        bucket: str = BUCKET,
        now: Callable[[], float] = time.time,
    ) -> S3Storage:
        made.append(
            S3Storage(
                aiohttp.ClientSession(),
                url,
                who,
                Pace(0, SystemClock()),
                bucket=bucket,
                folder="school/录像",
                part=PART,
                silence_sec=20.0,
                now=now,
            )
        )
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.mark.parametrize("size", [0, 1000, PART, PART + 1, 3 * PART + 77])
async def test_a_file_arrives_whole_and_once(tmp_path: Path, server: S3Server, storage: Make, size: int) -> None:
    path, sha256 = noise(tmp_path, size, f"{size:032x}_7_1800000000_5_11_1_60.mp4")
    found = await storage().put(path, path.name, sha256)
    assert found.file == f"/{BUCKET}/school/录像/{path.name}"
    assert server.ask("GET", found.file) == path.read_bytes()
    again = await storage().put(path, path.name, sha256)
    assert again == found


async def test_a_large_file_goes_on_part_by_part_over_a_line_that_breaks(
    tmp_path: Path, server: S3Server, storage: Make
) -> None:
    path, sha256 = noise(tmp_path, 6 * PART, "f" * 32 + "_7_1800000000_5_11_1_60.mp4")
    # Of each two connections one gets a part through.
    proxy = Proxy(target_of(server.url), lambda number: Line(cut_up=PART // 2 if number % 2 else 3 * PART // 2))
    breaks, found = 0, None
    async with proxy.serve():
        while found is None:
            try:
                # Through the proxy, and yet signed for the host that the server takes itself for: moto takes any.
                found = await storage(proxy.url).put(path, path.name, sha256)
            except StorageError as error:
                assert error.down
                breaks += 1
                assert breaks < 40
            if breaks == 6:
                proxy.plan = lambda _: CLEAN
    assert breaks >= 2
    assert proxy.up < 2.5 * path.stat().st_size


async def test_a_damaged_line_is_noticed_by_the_server(tmp_path: Path, server: S3Server, storage: Make) -> None:
    path, sha256 = noise(tmp_path, 100_000, "e" * 32 + "_7_1800000000_5_11_1_60.mp4")
    proxy = Proxy(target_of(server.url), lambda _: Line(flip_up=60_000))
    async with proxy.serve():
        with pytest.raises(StorageError):
            await storage(proxy.url).put(path, path.name, sha256)
    await storage().put(path, path.name, sha256)


async def test_a_wrong_key_a_wrong_secret_and_no_bucket_are_told_apart(
    tmp_path: Path, server: S3Server, storage: Make
) -> None:
    path, sha256 = noise(tmp_path, 1000)
    for who, bucket, word in (
        (Credentials("nobody", "none"), BUCKET, "403"),
        (Credentials(server.who.access_key, "wrong"), BUCKET, "403"),
        (server.who, "no-such-bucket", "404"),
    ):
        with pytest.raises(StorageError, match=word) as caught:
            await storage(who=who, bucket=bucket).put(path, NAME, sha256)
        assert caught.value.down
        assert "wrong" not in str(caught.value)


async def test_a_file_that_has_changed_is_not_kept(tmp_path: Path, server: S3Server, storage: Make) -> None:
    path, _ = noise(tmp_path, 2 * PART + 5, "d" * 32 + "_7_1800000000_5_11_1_60.mp4")
    with pytest.raises(StorageError, match="has changed") as caught:
        await storage().put(path, path.name, hashlib.sha256(b"other").hexdigest())
    assert not caught.value.retry
    listed = server.ask("GET", f"/{BUCKET}", {"uploads": ""})
    assert b"d" * 32 not in listed


async def test_what_was_begun_and_left_is_taken_back(tmp_path: Path, server: S3Server, storage: Make) -> None:
    """Of the same file at once; of others after a fortnight. What is somebody else's stays."""
    path, sha256 = noise(tmp_path, 2 * PART, "c" * 32 + "_7_1800000000_5_11_1_60.mp4")
    lost = "b" * 32 + "_7_1800000000_5_11_1_60.mp4"
    for key in (path.name, path.name, lost, "somebody-elses.bin"):
        server.ask("POST", f"/{BUCKET}/school/录像/{key}", {"uploads": ""}, sha256=sha256)
    await storage().put(path, path.name, sha256)
    left = _begun(server)  # moto says of everything that it began in 2010
    assert left in ({lost, "somebody-elses.bin"}, {"somebody-elses.bin"})
    later = storage(now=lambda: time.time() + 15 * 86400)
    later._bucket._now = time.time  # signatures are of today
    again, sha256 = noise(tmp_path, 2 * PART + 1, "a" * 32 + "_7_1800000000_5_11_1_60.mp4")
    await later.put(again, again.name, sha256)
    assert _begun(server) == {"somebody-elses.bin"}


def _begun(server: S3Server) -> set[str]:
    listed = server.ask("GET", f"/{BUCKET}", {"uploads": ""}).decode()
    return {key.rpartition("/")[2] for key in re.findall("<Key>(.*?)</Key>", listed) if "_" in key or "-" in key}
