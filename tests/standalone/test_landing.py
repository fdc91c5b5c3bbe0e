"""How an upload gets to the disk: in pieces, forced and read back while more of it comes."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.standalone.gather import landing
from agent.standalone.gather.landing import Landing
from tests.standalone.helpers import ScriptedAgent, stem

DATA = os.urandom(3_000_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "server"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "AT_ONCE", 1 << 20)


@asynccontextmanager
async def landed(path: Path, had: bytes = b"") -> AsyncIterator[Landing]:
    with ThreadPoolExecutor(1) as disk, path.open("ab", buffering=0) as file:
        file.write(had)
        async with Landing(file, disk) as it:
            yield it


async def take(it: Landing, data: bytes, length: int, at_a_time: int = 3) -> None:
    pieces = [data[at : at + length] for at in range(0, len(data), length)]
    for at in range(0, len(pieces), at_a_time):
        await it.take(pieces[at : at + at_a_time])


@pytest.mark.parametrize(("length", "at_a_time"), [(70_001, 3), (1 << 20, 1), (3_000_000, 1), (999, 2500)])
@pytest.mark.parametrize("had", [0, 1, 2_500_000])
async def test_all_of_it_is_written_and_summed(tmp_path: Path, length: int, at_a_time: int, had: int) -> None:
    async with landed(tmp_path / "x", DATA[:had]) as it:
        await take(it, DATA[had:], length, at_a_time)
        assert await it.end() == (len(DATA), hashlib.sha256(DATA).digest())
    assert (tmp_path / "x").read_bytes() == DATA


@pytest.mark.parametrize("at", [0, 2_000_000, 2_999_999])
async def test_what_is_summed_is_what_lies_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(landing, "AT_ONCE", 1 << 30)
    async with landed(tmp_path / "x", DATA[:2_500_000]) as it:
        await it.take([DATA[2_500_000:]])
        await it._writing
        with (tmp_path / "x").open("r+b") as other:
            other.seek(at)
            other.write(bytes([DATA[at] ^ 1]))
        size, digest = await it.end()
    assert (size, digest) == (len(DATA), hashlib.sha256((tmp_path / "x").read_bytes()).digest())
    assert digest != hashlib.sha256(DATA).digest()


async def test_what_somebody_else_added_counts(tmp_path: Path) -> None:
    async with landed(tmp_path / "x") as it:
        await it.take([DATA])
        await it._writing
        with (tmp_path / "x").open("ab") as other:
            other.write(b"more")
        assert (await it.end())[0] == len(DATA) + 4


async def test_it_is_forced_to_disk_and_summed_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forced: list[int] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        forced.append(os.fstat(descriptor).st_size)
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    async with landed(tmp_path / "x") as it:
        for at in range(0, len(DATA), 1 << 20):
            await it.take([DATA[at : at + (1 << 20)]])
            await it._writing
            await it._settling
        # What comes meanwhile may be there already.
        assert [size >= (n + 1) << 20 for n, size in enumerate(forced)] == [True, True]
        assert it._settled == 2 << 20
        await it.end()
    assert len(forced) == 3
    assert forced[-1] == len(DATA)


@pytest.mark.parametrize("when", [1, 2])
async def test_a_sync_that_fails_is_no_upload(
    agent: ScriptedAgent, folder: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """Whenever it fails: the kernel tells of a lost page once, and the next sync succeeds."""
    really, asked = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal asked
        if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".part":
            asked += 1
            if asked == when:
                raise OSError(errno.EIO, "lost")
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    data = os.urandom(12_000_000)
    answers = [await agent.put(f"{stem(number)}.mp4", data) for number in (1, 2)]
    assert [status for status, _ in answers] == [503, 200]
    assert list((folder / "incoming").iterdir()) == []


async def test_a_line_that_breaks_is_no_reason_to_close_a_file_that_a_thread_works_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, syncing, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def fsync(_: int) -> None:
        loop.call_soon_threadsafe(syncing.set)
        assert go_on.wait(60)

    async def break_off() -> None:
        async with Landing(file, disk) as it:
            for _ in range(2):
                await it.take([DATA])
                await it._writing
            await syncing.wait()
            raise ConnectionError

    monkeypatch.setattr(os, "fsync", fsync)
    with ThreadPoolExecutor(1) as disk, (tmp_path / "x").open("ab", buffering=0) as file:
        upload = asyncio.create_task(break_off())
        await syncing.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not upload.done()
        go_on.set()
        with pytest.raises(ConnectionError):
            await upload
    assert (tmp_path / "x").read_bytes() == DATA * 2
