"""Uploads that go on in a storage that says something else than a moment ago."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.http import GOES_ON, RESUMED_FROM, HttpStorage
from agent.storage.pace import Pace
from agent.wire.models import StoredFile

DATA = os.urandom(RESUMED_FROM + 3_000_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
NAME = f"{'0' * 32}_7_1800000000_5_11_1_60.mp4"


class Late:
    """A storage in which an upload that broke off is still arriving: of `held` the first is told, and so on."""

    def __init__(self, held: list[int], *, conflicts: int) -> None:
        self.held, self.conflicts = held, conflicts
        self.asked = 0
        self.taken: list[tuple[str, int]] = []

    async def head(self, request: web.Request) -> web.Response:
        self.asked += 1
        told = self.held[min(self.asked, len(self.held)) - 1]
        return web.Response(status=404, headers={"Upload-Offset": str(told)})

    async def take(self, request: web.Request) -> web.Response:
        offset, body = int(request.headers.get("Upload-Offset", "0")), await request.read()
        assert body == DATA[offset:]
        self.taken.append((request.method, offset))
        if request.method == "PATCH" and len(self.taken) <= self.conflicts:
            return web.Response(status=409)
        return web.Response(text=StoredFile(file=f"/{NAME}", size=len(DATA), sha256=SHA256).model_dump_json())


class Credulous(Late):
    """A storage that takes whatever comes, and tells what it got."""

    def __init__(self, befalls: Callable[[], object] = object) -> None:
        super().__init__([0], conflicts=0)
        self.befalls = befalls

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.befalls()
        return web.Response(
            text=StoredFile(file="/x", size=len(body), sha256=hashlib.sha256(body).hexdigest()).model_dump_json()
        )


Put = Callable[[Late], Awaitable[StoredFile]]


@pytest.fixture
async def put(tmp_path: Path) -> AsyncIterator[Put]:
    path = tmp_path / NAME
    path.write_bytes(DATA)
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def send(storage: Late) -> StoredFile:
            app = web.Application(client_max_size=2 * len(DATA))
            app.router.add_head("/{name}", storage.head)
            app.router.add_put("/{name}", storage.take)
            app.router.add_patch("/{name}", storage.take)
            runner = web.AppRunner(app)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            return await HttpStorage(session, url, lambda: "token", Pace(0, SystemClock())).put(path, NAME, SHA256)

        yield send


async def test_what_arrived_after_it_broke_off_is_not_sent_again(put: Put) -> None:
    storage = Late([1_000_000, 5_000_000], conflicts=1)
    assert (await put(storage)).size == len(DATA)
    assert storage.taken == [("PATCH", 1_000_000), ("PATCH", 5_000_000)]


async def test_a_storage_that_contradicts_itself_gets_the_whole_file(put: Put) -> None:
    storage = Late([1_000_000], conflicts=9)
    assert (await put(storage)).size == len(DATA)
    assert storage.taken == [("PATCH", 1_000_000), ("PUT", 0)]


async def test_a_storage_that_always_holds_more_gets_the_whole_file(put: Put) -> None:
    storage = Late([1 + n for n in range(100)], conflicts=99)
    assert (await put(storage)).size == len(DATA)
    assert [method for method, _ in storage.taken] == ["PATCH"] * GOES_ON + ["PUT"]


async def test_a_storage_that_has_it_all_and_more_is_asked_for_its_word_alone(put: Put) -> None:
    storage = Late([10**12], conflicts=0)
    assert (await put(storage)).size == len(DATA)
    assert storage.taken == [("PATCH", len(DATA))]


async def test_of_a_small_file_nobody_asks_what_is_there(tmp_path: Path, put: Put) -> None:
    (tmp_path / NAME).write_bytes(DATA[: RESUMED_FROM - 1])
    storage = Credulous()
    with pytest.raises(StorageError):  # it is another one than was recorded
        await put(storage)
    assert storage.asked == 0


async def test_a_file_that_has_changed_counts_for_nothing_although_the_storage_took_it(
    tmp_path: Path, put: Put
) -> None:
    (tmp_path / NAME).write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    with pytest.raises(StorageError, match="has changed") as caught:
        await put(Credulous())
    assert not caught.value.retry


async def test_a_file_that_is_well_again_is_sent_again(tmp_path: Path, put: Put) -> None:
    """What was sent of it came to harm before it left."""
    path = tmp_path / NAME
    path.write_bytes(bytes(len(DATA)))
    with pytest.raises(StorageError, match="not what was sent") as caught:
        await put(Credulous(lambda: path.write_bytes(DATA)))
    assert caught.value.retry


async def test_a_file_that_goes_meanwhile_is_said_to_be_away(tmp_path: Path, put: Put) -> None:
    path = tmp_path / NAME
    path.write_bytes(bytes(len(DATA)))
    with pytest.raises(StorageError, match="No such file"):
        await put(Credulous(path.unlink))
