"""Uploads into a WebDAV folder of Debian's nginx, over lines that break and damage."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.storage.webdav import DavStorage
from tests.agent.storage.files import NAME, noise
from tests.servers.dav_nginx import PASSWORD, USER, DavServer, dav_server
from tests.servers.proxy import CLEAN, Line, Proxy

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    with dav_server(tmp_path_factory.mktemp("dav")) as dav:
        yield dav


Make = Callable[..., DavStorage]


@pytest.fixture
async def storage(dav: DavServer) -> AsyncIterator[Make]:
    made: list[DavStorage] = []

    def make(folder: str = "dav/a/b", port: int = dav.port, password: str = PASSWORD) -> DavStorage:
        url = f"http://127.0.0.1:{port}/{folder}"
        session, pace = aiohttp.ClientSession(), Pace(0, SystemClock())
        made.append(DavStorage(session, url, pace, user=USER, password=password, silence_sec=20.0))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_folders_are_made_and_files_arrive_whole(tmp_path: Path, dav: DavServer, storage: Make) -> None:
    for size in (1, 3_000_000):
        path, sha256 = noise(tmp_path, size, f"{size:032x}_7_1800000000_5_11_1_60.mp4")
        found = await storage().put(path, path.name, sha256)
        assert await storage().put(path, path.name, sha256) == found
        assert found.file == f"/dav/a/b/{path.name}"
        assert (dav.root / found.file[1:]).read_bytes() == path.read_bytes()
    assert len(list((dav.root / "dav/a/b").iterdir())) == 2, "nothing half-written stands beside"


async def test_a_picture_is_replaced(tmp_path: Path, dav: DavServer, storage: Make) -> None:
    for size in (500, 500, 700):
        path = tmp_path / "live_7.jpg"
        path.write_bytes(os.urandom(size))
        await storage("dav").put(path, path.name, hashlib.sha256(path.read_bytes()).hexdigest())
        assert (dav.root / "dav/live_7.jpg").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("line", [Line(cut_up=1_000_000), Line(flip_up=1_000_000), Line(half_up=1_000_000)])
async def test_a_bad_line_leaves_nothing_under_the_name(
    tmp_path: Path, dav: DavServer, storage: Make, line: Line
) -> None:
    path, sha256 = noise(tmp_path, 2_000_000, hashlib.md5(repr(line).encode()).hexdigest() + "_7_1_5_11_1_60.mp4")
    proxy = Proxy(("127.0.0.1", dav.port), lambda _: line)
    async with proxy.serve():
        with pytest.raises(StorageError) as caught:
            await storage("dav", proxy.port).put(path, path.name, sha256)
        assert caught.value.retry
        assert not (dav.root / "dav" / path.name).exists()
        proxy.plan = lambda _: CLEAN
        await storage("dav", proxy.port).put(path, path.name, sha256)
    assert (dav.root / "dav" / path.name).read_bytes() == path.read_bytes()


async def test_a_wrong_password_and_a_changed_file(tmp_path: Path, dav: DavServer, storage: Make) -> None:
    path, sha256 = noise(tmp_path, 1000)
    with pytest.raises(StorageError, match="401") as caught:
        await storage("dav", password="wrong").put(path, NAME, sha256)
    assert caught.value.down
    with pytest.raises(StorageError, match="has changed"):
        await storage("dav").put(path, NAME, hashlib.sha256(b"other").hexdigest())
    assert not (dav.root / "dav" / NAME).exists()
