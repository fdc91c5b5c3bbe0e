"""What befalls a file on its way, in every kind of storage alike. Each scenario judges, and says in a few words what
came of it: that is a cell of the table in docs/storage.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from agent.storage.base import StorageError
from agent.wire.models import StoredFile
from tests.agent.storage.files import noise
from tests.agent.storage.stands import Stand
from tests.servers.proxy import CLEAN, Line

SMALL, LARGE = 1_000_000, 11 << 20
CUTS = int(os.environ.get("GATHER_STORAGE_CUTS", "3"))
NO_LINE = "n/a: no line"
_TRIES = 60
_numbers = itertools.count(1)


@dataclass
class Bench:
    """A stand and a folder for the files that are sent to it."""

    stand: Stand
    folder: Path

    def file(self, size: int) -> tuple[Path, str]:
        """A new file of noise, and its checksum."""
        number = next(_numbers)
        return noise(self.folder, size, f"{number:032x}_7_1800000000_5_11_{number}_60.mp4")

    async def put(self, path: Path, sha256: str) -> StoredFile:
        """Send it, as an agent that has just been started."""
        return await self.stand.storage().put(path, path.name, sha256)

    async def refused(self, path: Path, sha256: str) -> StorageError:
        """Send it, which must fail; nothing may claim to be it then."""
        try:
            stored = await self.put(path, sha256)
        except StorageError as error:
            return error
        raise AssertionError(f"taken as {stored.file}")

    def is_there(self, path: Path, stored: StoredFile, sha256: str) -> None:
        """Whether it is, byte for byte, where the storage says."""
        assert (stored.size, stored.sha256) == (path.stat().st_size, sha256)
        assert self.stand.content(stored.file) == path.read_bytes()

    async def arrives(self, path: Path, sha256: str) -> StoredFile:
        """Send it until it is there (a server may take a moment to see that a line is dead), and look at it there."""
        for _ in range(_TRIES):
            try:
                stored = await self.put(path, sha256)
            except StorageError as error:
                assert error.retry, error
                await asyncio.sleep(0.1)
            else:
                self.is_there(path, stored, sha256)
                return stored
        raise AssertionError("it does not arrive")


async def whole(bench: Bench) -> str:
    """Files of all sizes arrive, and may come again."""
    for size in (0, 1, SMALL, LARGE):
        path, sha256 = bench.file(size)
        for _ in range(2):
            stored = await bench.arrives(path, sha256)
            assert stored.file.startswith("/")
    return "arrives, may come again"


async def deleted(bench: Bench) -> str:
    """What was stored is taken back; what is not there is no error."""
    path, sha256 = bench.file(SMALL)
    stored = await bench.arrives(path, sha256)
    for _ in range(2):
        await bench.stand.storage().delete(stored.file)
    async with asyncio.timeout(20):
        while bench.stand.content(stored.file) is not None:  # noqa: ASYNC110 - the embedded server sweeps beside
            await asyncio.sleep(0.02)
    return "gone"


async def cut(bench: Bench) -> str:
    """The line breaks at any byte; the agent is started anew, and sends the rest or the whole."""
    proxy = bench.stand.proxy
    if proxy is None:
        return NO_LINE
    random_ = random.Random(7)
    resent = LARGE
    for offset in (8 << 20, *(random_.randrange(1, LARGE - 1) for _ in range(CUTS))):
        path, sha256 = bench.file(LARGE)
        proxy.break_at(proxy.up + offset)
        error = await bench.refused(path, sha256)
        assert error.retry and error.down, error
        proxy.mend()
        before = proxy.up
        await bench.arrives(path, sha256)
        resent = min(resent, proxy.up - before)  # what a busy server had not read when the line broke is lost to it
    goes_on = resent < LARGE * 0.7
    assert goes_on == bench.stand.goes_on, f"{resent / LARGE:.0%} came again"
    return "goes on" if goes_on else "begins anew"


async def damaged(bench: Bench) -> str:
    """A byte is another one when it arrives."""
    proxy = bench.stand.proxy
    if proxy is None:
        return NO_LINE
    path, sha256 = bench.file(SMALL)
    proxy.line = Line(flip_up=SMALL // 2)
    assert (await bench.refused(path, sha256)).retry
    proxy.line = CLEAN
    await bench.arrives(path, sha256)
    return "noticed, sent again"


async def silent(bench: Bench) -> str:
    """The line dies without a word in the middle of a file."""
    proxy = bench.stand.proxy
    if proxy is None:
        return NO_LINE
    path, sha256 = bench.file(LARGE)
    end = proxy.up + (2 << 20)

    def watch(way: str, _: bytes) -> None:
        if proxy.up >= end and way == "up":
            proxy.freeze()

    proxy.watch = watch
    error = await bench.refused(path, sha256)
    assert error.down and error.retry, error
    proxy.watch = lambda _way, _piece: None
    proxy.cut()
    proxy.thaw()
    await bench.arrives(path, sha256)
    return "given up after the limit, then as after a break"


async def slow(bench: Bench) -> str:
    """A thin line, slower than the silence limit would allow for the whole."""
    proxy = bench.stand.proxy
    if proxy is None:
        return NO_LINE
    path, sha256 = bench.file(LARGE)
    proxy.line = Line(rate=LARGE / 3)  # of which the kernel's buffers on loopback take a third at once
    bench.is_there(path, await bench.put(path, sha256), sha256)
    proxy.line = CLEAN
    return "arrives"


async def dead(bench: Bench) -> str:
    """Nobody answers at its address."""
    proxy = bench.stand.proxy
    if proxy is None:
        return NO_LINE
    path, sha256 = bench.file(SMALL)
    proxy.line = Line(refuse=True)
    error = await bench.refused(path, sha256)
    assert error.down and error.retry, error
    proxy.line = CLEAN
    await bench.arrives(path, sha256)
    return "storage away, one file asks"


async def changed(bench: Bench) -> str:
    """The file on disk is another one than was recorded: nothing of it counts, and trying again is no use."""
    for size in (SMALL, LARGE):
        path, _ = bench.file(size)
        error = await bench.refused(path, hashlib.sha256(b"other").hexdigest())
        assert not error.retry
        assert "changed" in str(error)
    return "refused for good"


def of_the_server(fault: str) -> Callable[[Bench], Awaitable[str]]:
    """The storage itself does this; its words are the cell."""

    async def scenario(bench: Bench) -> str:
        if fault not in bench.stand.faults:
            return "n/a"
        path, sha256 = bench.file(SMALL)
        bench.stand.set_fault(fault, path.name)
        error = await bench.refused(path, sha256)
        assert error.retry, error
        assert (error.rest_sec == 7.0) == (fault == "busy")
        bench.stand.set_fault("", path.name)
        await bench.arrives(path, sha256)
        return f"“{_plain(str(error), path)}”"

    return scenario


_OF_THE_SERVER = {
    "refused": "refuses",
    "full": "is full",
    "busy": "is busy (Retry-After)",
    "lies about size": "lies about the size",
    "holds other bytes": "holds other bytes",
    "holds nothing": "says yes and holds nothing",
}
SCENARIOS: dict[str, Callable[[Bench], Awaitable[str]]] = {
    "nothing goes wrong": whole,
    "line breaks at any byte, agent restarts": cut,
    "a byte is damaged on the way": damaged,
    "line falls silent": silent,
    "line is slow": slow,
    "storage is dead": dead,
    "file on disk is not what was recorded": changed,
    **{f"storage {said}": of_the_server(fault) for fault, said in _OF_THE_SERVER.items()},
    "file is deleted": deleted,
}


def _plain(message: str, path: Path) -> str:
    """A message without what differs from run to run."""
    message = message.removeprefix(f"{path.name}: ").replace(str(path.parent), "/…").replace(path.name, "…")
    return re.sub(
        r"\[Errno \d+\] |: '.*'$|\b[0-9a-f]{8,}…?", lambda found: "…" if found[0][0] not in "[:" else "", message
    )
