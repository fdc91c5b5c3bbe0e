"""A connection to one of FastDFS's servers: requests and their answers, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from agent.storage.body import FileBody
from agent.storage.fastdfs.wire import Command, FdfsError, header, parse_header

CONNECT_SEC = 10.0
MAX_ANSWER = 1 << 16
"""Bytes of any answer but a file's content."""
_PIECE = 256 << 10


class LostLine(OSError):
    """The server went silent, or closed the connection."""


class Unreachable(LostLine):
    """There is no connection to be had."""


class Line:
    """`place` is the server's address, for people."""

    def __init__(
        self, place: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence_sec: float
    ) -> None:
        self.place = place
        self._reader, self._writer, self._silence = reader, writer, silence_sec
        self._heard = False

    async def ask(
        self,
        command: Command,
        head: bytes = b"",
        body: FileBody | None = None,
        length: int = 0,
        *,
        flags: int = 0,
        limit_sec: float | None = None,
    ) -> bytes:
        """The reply's body; `length` bytes of `body` go behind the `head`. Raises `FdfsError` for a status that is none
        of success, `LostLine` for a dead line, `OSError` when the file cannot be read.
        """
        answer = asyncio.ensure_future(self._answer(command))
        try:
            with self._lost():
                self._writer.write(header(command, len(head) + length, flags) + head)
                if body is not None:
                    await self._send(body, length, answer)
                async with asyncio.timeout(self._silence if limit_sec is None else limit_sec):
                    return await answer
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)

    async def download(self, head: bytes) -> AsyncIterator[bytes]:
        """A file's content. Errors as `ask`."""
        with self._lost():
            self._writer.write(header(Command.DOWNLOAD, len(head)) + head)
            async with asyncio.timeout(self._silence):
                left = await self._header(Command.DOWNLOAD)
            while left:
                async with asyncio.timeout(self._silence):
                    piece = await self._reader.read(min(left, _PIECE))
                if not piece:
                    raise asyncio.IncompleteReadError(b"", left)
                left -= len(piece)
                yield piece

    def abort(self) -> None:
        """Close it. After most errors the server does so as well; nothing is worth keeping it for."""
        self._writer.transport.abort()

    async def _send(self, body: FileBody, length: int, answer: asyncio.Future[bytes]) -> None:
        """A server that refuses says so after the first bytes and takes what follows for another request, which makes
        it close the connection: its word counts, not how the connection ends.
        """
        try:
            async for piece in body.chunks(length):
                if answer.done():
                    answer.result()
                    raise FdfsError("an answer before the file was there")
                self._writer.write(piece)
                async with asyncio.timeout(self._silence):
                    await self._writer.drain()
        except ConnectionError:
            await asyncio.wait({answer}, timeout=self._silence)
            if answer.done() and isinstance(answer.exception(), FdfsError):
                answer.result()
            raise

    async def _answer(self, command: Command) -> bytes:
        length = await self._header(command)
        if length > MAX_ANSWER:
            raise FdfsError(f"{command.name.lower()}: the reply is not of this protocol")
        return await self._reader.readexactly(length)

    async def _header(self, command: Command) -> int:
        raw = await self._reader.readexactly(10)
        self._heard = True
        return parse_header(command, raw)

    @contextlib.contextmanager
    def _lost(self) -> Iterator[None]:
        try:
            yield
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            hint = "" if self._heard else ", without any answer (allow_hosts, max_connections?)"
            raise LostLine(f"{self.place} closed the connection{hint}") from error
        except TimeoutError as error:
            raise LostLine(f"{self.place} is silent") from error


async def connect(host: str, port: int, silence_sec: float) -> Line:
    """A new connection. Raises `Unreachable`."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        async with asyncio.timeout(CONNECT_SEC):
            return Line(place, *await asyncio.open_connection(host, port), silence_sec)
    except TimeoutError as error:
        raise Unreachable(f"no connection to {place} within {CONNECT_SEC:g} s") from error
    except OSError as error:
        raise Unreachable(f"no connection to {place}: {error.strerror or error}") from error


@contextlib.asynccontextmanager
async def connected(host: str, port: int, silence_sec: float) -> AsyncIterator[Line]:
    """A connection for a while."""
    line = await connect(host, port, silence_sec)
    try:
        yield line
    finally:
        line.abort()
