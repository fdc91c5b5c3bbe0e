"""A file on its way: read in pieces at the pace, checked against what was recorded, within the silence limit."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from agent.storage.base import StorageError
from agent.storage.pace import Pace

CHUNK = 256 << 10
"""Bytes of a piece on its way."""
_BLOCK = 1 << 20  # read and added to the checksum at once, in a thread
SILENCE_SEC = 60.0
"""A storage that takes no byte and gives no answer for this long is given up."""
ANSWER_SEC = 10.0
"""Beside the silence limit: what a connection may take."""


class FileBody:
    """One open file, sent from its beginning to its end in one request or in several.

    Everything that is read enters the checksum once, in order: when the end is reached, `changed` says whether the file
    is another one than was recorded.
    """

    def __init__(self, path: Path, file: BinaryIO, *, size: int, sha256: str, pace: Pace, silence_sec: float) -> None:
        self.path, self.size, self.sha256 = path, size, sha256
        self.sent = 0
        """Bytes that were read so far: where the next piece begins."""
        self.changed = False
        self._file, self._digest = file, hashlib.sha256()
        self._pace, self._silence = pace, silence_sec
        self._loop = asyncio.get_running_loop()
        self._limits: set[asyncio.Timeout] = set()

    @contextlib.asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Around a request and its answer: ends it when nothing moves in any request of this file. `TimeoutError`."""
        async with asyncio.timeout(self._silence + ANSWER_SEC) as limit:
            self._limits.add(limit)
            try:
                yield
            finally:
                self._limits.discard(limit)

    def alive(self, wait_sec: float = 0.0) -> None:
        """Something moved; the next sign of life may take the silence limit and `wait_sec` more."""
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(self._loop.time() + wait_sec + self._silence)

    async def skip(self, length: int) -> None:
        """Pass over what the storage has already; it is read for the checksum alone."""
        end = self.sent + length
        while self.sent < end:
            await self._read(min(_BLOCK, end - self.sent))

    async def read(self, length: int) -> bytes:
        """The next bytes at once, for requests whose headers depend on their content."""
        pieces, end = [], self.sent + length
        while self.sent < end:
            pieces.append(await self._read(min(8 * _BLOCK, end - self.sent)))
        return b"".join(pieces)

    async def chunks(self) -> AsyncIterator[memoryview]:
        """The rest of the file, as fast as the pace allows. `OSError` when the file is shorter than it was."""
        while self.sent < self.size:
            block = memoryview(await self._read(min(_BLOCK, self.size - self.sent)))
            for begin in range(0, len(block), CHUNK):
                piece = block[begin : begin + CHUNK]
                await self.paced(len(piece))
                yield piece

    async def paced(self, size: int) -> None:
        """Wait until so many bytes may go."""
        wait = self._pace.wait_for(size)
        self.alive(wait)
        await asyncio.sleep(wait)

    async def _read(self, length: int) -> bytes:
        chunk = await asyncio.to_thread(self._read_and_count, length)
        if len(chunk) < length:
            self.changed = True
            raise OSError(f"{self.path} is {self.size - self.sent - len(chunk)} bytes shorter than a moment ago")
        self.sent += length
        if self.sent == self.size:
            self.changed = self._digest.hexdigest() != self.sha256
        return chunk

    def _read_and_count(self, length: int) -> bytes:
        chunk = self._file.read(length)
        self._digest.update(chunk)
        return chunk

    def still_the_same(self) -> None:
        """Raises `StorageError` where the file turned out to be another one; nothing that was sent of it counts."""
        if self.changed:
            raise StorageError(f"{self.path} has changed since it was recorded", retry=False)


@contextlib.asynccontextmanager
async def opened(path: Path, sha256: str, pace: Pace, silence_sec: float = SILENCE_SEC) -> AsyncIterator[FileBody]:
    """The file, open for sending. Raises `StorageError` when it is not there."""
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except FileNotFoundError as error:
        raise StorageError(f"{path} is not there any more", retry=False) from error
    except OSError as error:
        raise StorageError(f"{path}: {error}") from error
    try:
        size = (await asyncio.to_thread(path.stat)).st_size
        body = FileBody(path, file, size=size, sha256=sha256, pace=pace, silence_sec=silence_sec)
        if size == 0:
            body.changed = hashlib.sha256().hexdigest() != sha256
        yield body
    finally:
        file.close()
