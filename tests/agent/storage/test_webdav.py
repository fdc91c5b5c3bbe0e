"""WebDAV servers with habits of their own: they move nothing, compress, stand elsewhere. They answer from a script."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import pytest
from aiohttp import web

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.storage.webdav import DavStorage
from tests.agent.storage.files import NAME, noise


class Dav:
    """Files by path; `moves` is how it answers a Destination, `packs` whether it compresses for an Accept-Encoding."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.moves: Callable[[str], int] = lambda _: 201
        self.elsewhere = ""
        self.packs: Callable[[str], bool] = lambda _: False

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.headers.get("Destination", request.path)))
        data = await request.read()
        if self.elsewhere:
            return web.Response(status=301, headers={"Location": f"{self.elsewhere}{request.path}"})
        if request.method == "PUT":
            self.files[request.path] = data
            return web.Response(status=201)
        if request.method == "MKCOL":
            return web.Response(status=405)
        if request.path not in self.files:
            return web.Response(status=404)
        if request.method == "MOVE":
            status = self.moves(request.headers["Destination"])
            if status == 201:
                to = request.headers["Destination"].removeprefix(f"http://{request.host}")
                self.files[unquote(to)] = self.files.pop(request.path)
            return web.Response(status=status)
        if request.method == "DELETE":
            del self.files[request.path]
            return web.Response(status=204)
        body, wanted = self.files[request.path], request.headers.get("Accept-Encoding", "")
        if self.packs(wanted):
            return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return web.Response(body=body)

    def methods(self, *wanted: str) -> list[str]:
        """In their order, those that are wanted."""
        return [method for method, _ in self.asked if method in wanted]


@pytest.fixture
def dav() -> Dav:
    return Dav()


@pytest.fixture
async def storage(dav: Dav) -> AsyncIterator[DavStorage]:
    async with contextlib.AsyncExitStack() as stack:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", dav.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/录像/三 楼"
        storage = DavStorage(aiohttp.ClientSession(), url, Pace(0, SystemClock()))
        stack.push_async_callback(storage.close)
        yield storage


async def test_a_folder_with_blanks_and_in_chinese(tmp_path: Path, dav: Dav, storage: DavStorage) -> None:
    path, sha256 = noise(tmp_path, 1000)
    stored = await storage.put(path, NAME, sha256)
    assert dav.files == {f"/录像/三 楼/{NAME}": path.read_bytes()}
    assert stored.file == f"/录像/三 楼/{NAME}"
    (destination,) = [where for method, where in dav.asked if method == "MOVE"]
    assert destination.isascii()
    assert " " not in destination


async def test_a_server_that_knows_only_its_path_is_told_that(tmp_path: Path, dav: Dav, storage: DavStorage) -> None:
    dav.moves = lambda destination: 201 if destination.startswith("/") else 502
    for number in range(2):
        path, sha256 = noise(tmp_path, 1000, f"{number}{NAME}")
        await storage.put(path, path.name, sha256)
        assert dav.files[f"/录像/三 楼/{path.name}"] == path.read_bytes()
    assert dav.methods("MOVE", "PUT") == ["PUT", "MOVE", "MOVE", "PUT", "MOVE"]
    assert len(dav.files) == 2


@pytest.mark.parametrize("status", [405, 501, 403])
async def test_a_server_that_moves_nothing(tmp_path: Path, dav: Dav, storage: DavStorage, status: int) -> None:
    dav.moves = lambda _: status
    for number in range(2):
        path, sha256 = noise(tmp_path, 1000, f"{number}{NAME}")
        await storage.put(path, path.name, sha256)
        assert dav.files[f"/录像/三 楼/{path.name}"] == path.read_bytes()
    assert dav.methods("PUT") == ["PUT"] * 3, "only the first file was sent twice"
    assert len(dav.files) == 2, "nothing is left beside them"


async def test_a_lock_is_not_taken_for_a_server_that_moves_nothing(
    tmp_path: Path, dav: Dav, storage: DavStorage
) -> None:
    dav.moves = lambda _: 423
    path, sha256 = noise(tmp_path, 1000)
    with pytest.raises(StorageError, match="423"):
        await storage.put(path, NAME, sha256)
    dav.moves = lambda _: 201
    await storage.put(path, NAME, sha256)
    assert dav.files == {f"/录像/三 楼/{NAME}": path.read_bytes()}


@pytest.mark.parametrize("whatever_is_asked", [False, True])
async def test_a_proxy_that_compresses(tmp_path: Path, dav: Dav, storage: DavStorage, whatever_is_asked: bool) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"a lesson" * 100_000)
    dav.packs = lambda wanted: whatever_is_asked or wanted != "identity"
    for _ in range(2):
        await storage.put(path, NAME, hashlib.sha256(path.read_bytes()).hexdigest())
    assert dav.methods("PUT") == ["PUT"]


async def test_a_storage_that_has_moved_away_says_where(tmp_path: Path, dav: Dav, storage: DavStorage) -> None:
    dav.elsewhere = "https://dav.school.example"
    path, sha256 = noise(tmp_path, 1000)
    with pytest.raises(StorageError, match=r"at another address; set .* \(301: GET https://dav\.school\.example/"):
        await storage.put(path, NAME, sha256)
