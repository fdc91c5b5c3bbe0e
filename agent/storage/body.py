"""A file on its way: read in pieces at the pace, checked against what was recorded, within the silence limit."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from agent.storage.base import StorageError
from agent.storage.pace import Pace

CHUNK = 256 << 10
"""Bytes of a piece on its way."""
BLOCK = 1 << 20
"""Bytes that are read and added to the checksum at once, in a thread. Two of them are in memory for each file."""
SILENCE_SEC = 60.0
"""A storage that takes no byte and gives no answer for this long is given up."""
ANSWER_SEC = 10.0
"""Beside the silence limit: what a connection may take."""


class FileBody:
    """One open file, sent from its beginning to its end in one request or in several.

    Everything that is read enters the checksum once, in order: when the end is reached, `changed` says whether the file
    is another one than was recorded. While a block is on its way, the next one is read and summed. With `summed` false
    nothing is: that is for a storage whose content is held against the recorded checksum itself, and `look_again` says
    whose fault it is where the two differ.
    """

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        *,
        size: int,
        sha256: str,
        pace: Pace,
        silence_sec: float,
        block: int,
        summed: bool,
    ) -> None:
        self.path, self.size, self.sha256 = path, size, sha256
        self.sent = 0
        """Bytes that were taken so far: where the next piece begins."""
        self.crc: int | None = None
        """CRC32 of what was read, at the end that of the file; for those who begin with 0 here before they take any."""
        self.changed = size == 0 and hashlib.sha256().hexdigest() != sha256
        self._file, self._block = file, block
        self._digest = hashlib.sha256() if summed else None
        self._have = memoryview(b"")
        self._ahead: asyncio.Task[bytes] | None = None
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

    async def take(self, most: int) -> memoryview:
        """The next bytes, so many at most, none at the end. `OSError` when the file is shorter than it was."""
        if not self._have and self.sent < self.size:
            self._have, self._ahead = memoryview(await (self._ahead or self._read_ahead())), None
            end = self.sent + len(self._have)
            if len(self._have) < self._block and end < self.size:
                self.changed = True
                raise OSError(f"{self.path} is {self.size - end} bytes shorter than a moment ago")
            if end < self.size:
                self._ahead = self._read_ahead()
        piece, self._have = self._have[:most], self._have[most:]
        self.sent += len(piece)
        if self.sent == self.size and self._digest is not None:
            self.changed = self._digest.hexdigest() != self.sha256
        return piece

    async def skip(self, length: int) -> None:
        """Pass over what the storage has already; where it is read, that is for the checksum alone."""
        if self._digest is None and self.sent == 0:
            self.sent = self._file.seek(length)
            return
        end = self.sent + length
        while self.sent < end:
            await self.take(end - self.sent)

    async def read(self, length: int) -> bytes:
        """The next bytes at once."""
        pieces, end = [], self.sent + length
        while self.sent < end:
            pieces.append(await self.take(end - self.sent))
        return b"".join(pieces)

    async def chunks(self, length: int | None = None) -> AsyncIterator[memoryview]:
        """The next bytes, up to the end where no length is given, as fast as the pace allows. `OSError` as `take`."""
        end = self.size if length is None else self.sent + length
        while self.sent < end:
            piece = await self.take(min(CHUNK, end - self.sent))
            await self.paced(len(piece))
            yield piece

    async def close(self) -> None:
        """Close the file, once nothing reads in it any more."""
        if self._ahead is not None:
            await asyncio.gather(self._ahead, return_exceptions=True)
        self._file.close()

    async def paced(self, size: int) -> None:
        """Wait until so many bytes may go."""
        wait = self._pace.wait_for(size)
        self.alive(wait)
        await asyncio.sleep(wait)

    def _read_ahead(self) -> asyncio.Task[bytes]:
        return asyncio.create_task(asyncio.to_thread(self._read_and_sum))

    def _read_and_sum(self) -> bytes:
        block = self._file.read(min(self._block, self.size - self._file.tell()))
        if self._digest is not None:
            self._digest.update(block)
        if self.crc is not None:
            self.crc = zlib.crc32(block, self.crc)
        return block

    async def look_again(self) -> None:
        """Sum the file as it lies on disk, after the storage has told another checksum. As `still_the_same`."""
        try:
            self.changed = await asyncio.to_thread(_sha256_of, self.path) != self.sha256
        except OSError as error:
            raise StorageError(f"{self.path}: {error}") from error
        self.still_the_same()

    def still_the_same(self) -> None:
        """Raises `StorageError` where the file turned out to be another one; nothing that was sent of it counts."""
        if self.changed:
            raise StorageError(f"{self.path} has changed since it was recorded", retry=False)


@contextlib.asynccontextmanager
async def opened(
    path: Path,
    sha256: str,
    pace: Pace,
    silence_sec: float = SILENCE_SEC,
    block: int = BLOCK,
    *,
    summed: bool = True,
) -> AsyncIterator[FileBody]:
    """The file, open for sending. Raises `StorageError` when it is not there."""
    try:
        file = await asyncio.to_thread(path.open, "rb")
        size = os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise StorageError(f"{path} is not there any more", retry=False) from error
    except OSError as error:
        raise StorageError(f"{path}: {error}") from error
    body = FileBody(
        path, file, size=size, sha256=sha256, pace=pace, silence_sec=silence_sec, block=block, summed=summed
    )
    try:
        yield body
    finally:
        await body.close()


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
