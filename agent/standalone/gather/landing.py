"""How an upload gets to the disk: what has come is written, forced to disk and read back while the rest is coming."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO

AT_ONCE = 16 << 20
"""Bytes that are forced to disk and read back at a time: few enough that little is left for the end, and enough that a
disk which has to seek for it spends its time writing.
"""
_BLOCK = 1 << 20
_PIECES = 1000
"""Those that the kernel takes in one call (IOV_MAX is 1024)."""


class Landing:
    """One file that is open for writing, from the end of what it has. `async with` waits for the threads that work on
    it; in those of `disk` it is forced to disk, so that a slow disk holds up nobody else.
    """

    def __init__(self, file: BinaryIO, disk: Executor) -> None:
        self._file, self._disk, self._loop = file, disk, asyncio.get_running_loop()
        self._digest = hashlib.sha256()
        self._written, self._settled = file.tell(), 0
        self._writing = self._settling = _nothing(self._loop)

    async def __aenter__(self) -> Landing:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(self._writing, self._settling, return_exceptions=True)

    async def take(self, pieces: list[bytes]) -> None:
        """Write these behind what was taken before, beside what follows. Raises `OSError`, of those before as well."""
        await asyncio.shield(self._writing)
        if self._settling.done():
            await self._settling
            if self._written - self._settled >= AT_ONCE:
                self._settling = self._loop.run_in_executor(self._disk, self._settle, self._written)
        self._writing = self._loop.run_in_executor(None, self._write, pieces)

    async def end(self) -> tuple[int, bytes]:
        """Size and SHA-256 of the whole, all of it read back after it was forced to disk. Raises `OSError`."""
        await asyncio.shield(self._writing)
        await asyncio.shield(self._settling)
        self._settling = self._loop.run_in_executor(self._disk, self._settle, sys.maxsize)
        await asyncio.shield(self._settling)
        return self._settled, self._digest.digest()

    def _write(self, pieces: Sequence[bytes]) -> None:
        left = [memoryview(piece) for piece in pieces]
        while left:
            count = os.writev(self._file.fileno(), left[:_PIECES])
            self._written += count
            while left and count >= len(left[0]):
                count -= len(left.pop(0))
            if count:
                left[0] = left[0][count:]

    def _settle(self, end: int) -> None:
        """Force to disk, then read back and sum, what stands before this offset."""
        os.fsync(self._file.fileno())
        block = memoryview(bytearray(_BLOCK))
        with Path(self._file.name).open("rb", buffering=0) as again:
            again.seek(self._settled)
            while size := again.readinto(block[: min(_BLOCK, end - self._settled)]):
                self._digest.update(block[:size])
                self._settled += size


def _nothing(loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    done: asyncio.Future[None] = loop.create_future()
    done.set_result(None)
    return done
