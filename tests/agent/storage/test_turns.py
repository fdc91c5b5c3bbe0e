"""Of files that are read back, one is sent while another one comes back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.storage.turns import Turns
from agent.storage.webdav import DavStorage
from tests.agent.storage.files import noise
from tests.agent.storage_double import http_server

LARGE, SMALL = 5 << 20, 10_000
LIMIT_SEC = 30.0


class Folder:
    """WebDAV in memory. `begun` are the ways there and back that have begun; one with a gate waits for it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.status = 201
        self.hashes: Callable[[bytes], str] | None = None
        self._moved = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        if request.method == "MKCOL":
            return web.Response(status=405)
        if request.method == "MOVE":
            self.files[request.headers["Destination"].rpartition("/")[2]] = self.files.pop(name)
            return web.Response(status=201)
        way = f"{request.method} {name.removeprefix('arriving-')[31]}"
        if request.method == "PUT":
            await self._begin(way)
            self.files[name] = await request.read()
            told = {}
            if self.hashes is not None and request.headers.get("X-Hash") == "sha256":
                told["X-Hash-SHA256"] = self.hashes(self.files[name])
            return web.Response(status=self.status, headers=told)
        if request.method == "DELETE":
            self.files.pop(name, None)
            return web.Response(status=204)
        if name not in self.files:
            return web.Response(status=404)
        await self._begin(way)
        return web.Response(body=self.files[name])

    async def _begin(self, way: str) -> None:
        self.begun.append(way)
        async with self._moved:
            self._moved.notify_all()
        if way in self.gates:
            await self.gates[way].wait()

    async def until(self, *begun: str) -> None:
        """These have begun, and nothing else."""
        async with asyncio.timeout(LIMIT_SEC), self._moved:
            await self._moved.wait_for(lambda: len(self.begun) >= len(begun))
        assert sorted(self.begun) == sorted(begun)


def large(folder: Path, number: int, size: int = LARGE) -> tuple[Path, str]:
    return noise(folder, size, f"{number:032x}_7_1800000000_5_11_1_60.mp4")


async def test_the_next_one_is_sent_while_one_is_read_back(tmp_path: Path) -> None:
    storage, gates = Folder(), {way: asyncio.Event() for way in ("PUT 1", "GET 1", "PUT 2", "GET 2", "PUT 3")}
    storage.gates = gates
    async with http_server(storage.handle) as url, aiohttp.ClientSession() as session, asyncio.TaskGroup() as all_:
        dav = DavStorage(session, f"{url}/dav", Pace(0, SystemClock()))

        def put(number: int, size: int = LARGE) -> None:
            path, sha256 = large(tmp_path, number, size)
            all_.create_task(dav.put(path, path.name, sha256))

        put(1)
        await storage.until("PUT 1")
        put(2)
        put(9, SMALL)
        await storage.until("PUT 1", "PUT 9", "GET 9")
        gates["PUT 1"].set()
        await storage.until("PUT 1", "PUT 9", "GET 9", "GET 1", "PUT 2")
        put(3)
        await storage.until("PUT 1", "PUT 9", "GET 9", "GET 1", "PUT 2", "PUT 3")
        for gate in gates.values():
            gate.set()
    assert len(storage.files) == 4


async def test_where_nothing_is_read_back_nobody_waits_for_a_turn(tmp_path: Path) -> None:
    storage = Folder()
    storage.hashes = lambda content: hashlib.sha256(content).hexdigest()
    storage.gates = {way: asyncio.Event() for way in ("PUT 2", "PUT 3")}
    async with http_server(storage.handle) as url, aiohttp.ClientSession() as session, asyncio.TaskGroup() as all_:
        dav = DavStorage(session, f"{url}/dav", Pace(0, SystemClock()))
        for number in (1, 2, 3):
            path, sha256 = large(tmp_path, number)
            sent = all_.create_task(dav.put(path, path.name, sha256))
            if number == 1:
                await sent
        await storage.until("PUT 1", "PUT 2", "PUT 3")
        for gate in storage.gates.values():
            gate.set()


async def test_a_file_that_fails_gives_its_turn_on(tmp_path: Path) -> None:
    storage = Folder()
    storage.status = 507
    async with http_server(storage.handle) as url, aiohttp.ClientSession() as session:
        dav = DavStorage(session, f"{url}/dav", Pace(0, SystemClock()))
        for number in (1, 2, 3):
            path, sha256 = large(tmp_path, number)
            with pytest.raises(StorageError, match="full"):
                await dav.put(path, path.name, sha256)
        storage.status = 201
        async with asyncio.timeout(LIMIT_SEC):
            await dav.put(path, path.name, sha256)


async def test_one_that_breaks_off_leaves_its_turn_to_the_next() -> None:
    turns, begun = Turns(), asyncio.Event()

    async def breaks_off() -> None:
        async with turns.sending():
            begun.set()
            await asyncio.Event().wait()

    async def goes() -> None:
        async with turns.sending():
            pass

    first = asyncio.create_task(breaks_off())
    await begun.wait()
    second = asyncio.create_task(goes())
    await asyncio.sleep(0)
    assert not second.done()
    first.cancel()
    async with asyncio.timeout(LIMIT_SEC):
        await second


async def test_half_of_them_are_sent() -> None:
    turns, sending, reading = Turns(), list[asyncio.Event](), list[asyncio.Event]()

    async def one() -> None:
        async with turns.sending():
            sending.append(asyncio.Event())
            await sending[-1].wait()
        with turns.reading_back():
            reading.append(asyncio.Event())
            await reading[-1].wait()

    async def settled() -> tuple[int, int]:
        for _ in range(30):
            await asyncio.sleep(0)
        return len(sending), len(reading)

    async with asyncio.TaskGroup() as all_:
        for _ in range(4):
            all_.create_task(one())
        assert await settled() == (1, 0)
        sending[0].set()
        assert await settled() == (3, 1)
        reading[0].set()
        assert await settled() == (3, 1)
        sending[1].set()
        assert await settled() == (4, 2)
        for gate in (*sending, *reading):
            gate.set()
        assert await settled() == (4, 4)
        for gate in reading:
            gate.set()


async def test_what_the_storage_has_summed_itself_is_not_read_back(tmp_path: Path) -> None:
    storage = Folder()
    storage.hashes = lambda content: hashlib.sha256(content).hexdigest().upper()
    async with http_server(storage.handle) as url, aiohttp.ClientSession() as session:
        dav = DavStorage(session, f"{url}/dav", Pace(0, SystemClock()))
        path, sha256 = large(tmp_path, 1)
        stored = await dav.put(path, path.name, sha256)
        assert (stored.size, stored.sha256, storage.begun) == (LARGE, sha256, ["PUT 1"])
        assert storage.files == {path.name: path.read_bytes()}


@pytest.mark.parametrize("told", ["0" * 64, "?"])
async def test_a_sum_that_is_another_one_is_a_failure(tmp_path: Path, told: str) -> None:
    storage = Folder()
    storage.hashes = lambda _: told
    async with http_server(storage.handle) as url, aiohttp.ClientSession() as session:
        dav = DavStorage(session, f"{url}/dav", Pace(0, SystemClock()))
        path, sha256 = large(tmp_path, 1)
        with pytest.raises(StorageError, match="not what was sent") as caught:
            await dav.put(path, path.name, sha256)
        assert caught.value.retry
        assert path.name not in storage.files
        with pytest.raises(StorageError, match="has changed"):
            await dav.put(path, path.name, hashlib.sha256(b"other").hexdigest())
