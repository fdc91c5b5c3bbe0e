"""Storage in FastDFS: a small asyncio client of its wire protocol.

Trackers say which storage takes a file; the storage gives it a name. Small files go in one command. Large ones go as an
appender file in pieces, so that what broke off goes on, and become ordinary files at the end (`regenerate`), when size
and CRC32 as the storage has them are compared. A file's unfinished name is kept below `state`: FastDFS gives every
upload a new name, and without it one that broke off would be left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from agent.files import replace_file
from agent.storage.base import UPLOAD_NAME, StorageError
from agent.storage.body import SILENCE_SEC, FileBody, opened
from agent.storage.fdfs_wire import (
    INVALID,
    NO_FILE,
    Command,
    FdfsError,
    Place,
    appended,
    file_id,
    group_field,
    name_of,
    padded,
    parse_info,
    parse_name,
    parse_place,
    parse_server,
    u64,
)
from agent.storage.pace import Pace
from agent.wire.models import StoredFile

APPENDED_FROM = 4 << 20
"""Bytes. A smaller file is sent in one command, and anew when that breaks off."""
PIECE = 16 << 20
"""Bytes of one append, which waits for its answer: what a break costs at most, as the storage rolls it back."""
ROLLBACK_SEC = 65.0
"""A storage notices a line that died silently after its own 60 s."""
CONNECT_SEC = 10.0
REGENERATE_BYTES_PER_SEC = 20e6
"""The storage reads the whole file again for its checksum: slow disks get their time."""
_TRACKER = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\[\]:,/\s]+)(?::(\d{1,5}))?")


def trackers_of(url: str) -> list[tuple[str, int]]:
    """The trackers of `fdfs://host:port,host:port`; 22122 where no port is given. `ValueError` otherwise."""
    found = []
    for part in url.removeprefix("fdfs://").strip("/").split(","):
        match = _TRACKER.fullmatch(part.strip())
        if match is None or not 0 < int(match[2] or 22122) < 65536:
            raise ValueError(f"{part!r} is no tracker")
        found.append((match[1].strip("[]"), int(match[2] or 22122)))
    return found


@dataclass(slots=True)
class _Unfinished:
    """An appender file: where it is, which content it takes, in pieces of how many bytes."""

    group: str
    host: str
    port: int
    name: str
    sha256: str
    piece: int = 4 << 20  # before it was noted


class FastDfsStorage:
    """The address that is reported is `/<group>/<name>`, as the web server in front of the storages serves it."""

    def __init__(
        self,
        trackers: list[tuple[str, int]],
        group: str,
        pace: Pace,
        state: Path,
        *,
        silence_sec: float = SILENCE_SEC,
        piece: int = PIECE,
        rollback_sec: float = ROLLBACK_SEC,
    ) -> None:
        self._trackers, self._group, self._pace, self._state = trackers, group, pace, state
        self._silence, self._piece, self._rollback = silence_sec, piece, rollback_sec

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """See `base.Storage.put`. The same file again gets another address; the first one is then not used."""
        if UPLOAD_NAME.fullmatch(name) is None:
            raise StorageError(f"{name!r} is not a name that is stored", retry=False)
        async with opened(path, sha256, self._pace, self._silence) as body:
            body.crc = 0
            try:
                if body.size < APPENDED_FROM:
                    found = await self._put_whole(body)
                else:
                    found = await self._put_pieces(name, body)
            except (OSError, TimeoutError, EOFError) as error:
                body.still_the_same()
                raise StorageError(f"{name}: {type(error).__name__} {error}".rstrip(), down=True) from error
            except FdfsError as error:
                raise StorageError(f"{name}: {error}", down=True) from error
            return StoredFile(file=f"/{found}", size=body.size, sha256=sha256)

    async def delete(self, file: str) -> None:
        """See `base.Storage.delete`."""
        group, _, name = file.removeprefix("/").partition("/")
        try:
            host, port = parse_server(await self._ask_tracker(Command.QUERY_UPDATE, group_field(group) + name_of(name)))
            async with self._connected(host, port) as line:
                await line.ask(Command.DELETE, group_field(group) + name_of(name))
        except (OSError, TimeoutError, EOFError) as error:
            raise StorageError(f"{file}: {type(error).__name__} {error}".rstrip(), down=True) from error
        except FdfsError as error:
            if error.status != NO_FILE:
                raise StorageError(f"{file}: {error}", down=True) from error

    async def close(self) -> None:
        """Nothing is held."""

    # -- small files

    async def _put_whole(self, body: FileBody) -> str:
        place = await self._place()
        async with self._connected(place.host, place.port) as line:
            head = bytes([place.path_index]) + u64(body.size) + padded(body.path.suffix[1:], 6)
            group, name = parse_name(await line.ask(Command.UPLOAD, head, body, body.size))
            await self._verify(line, group, name, body)
        return file_id(group, name)

    # -- large files

    async def _put_pieces(self, name: str, body: FileBody) -> str:
        note = self._state / f"{name}.json"
        unfinished = await asyncio.to_thread(_read_note, note)
        if unfinished is not None and unfinished.sha256 != body.sha256:
            await self._abandon(unfinished, note)
            unfinished = None
        if unfinished is None:
            unfinished = await self._begin(body, note)
        else:
            await self._reachable(unfinished, note)
        async with self._connected(unfinished.host, unfinished.port) as line:
            try:
                await self._append_all(line, unfinished, body)
            except FdfsError as error:
                if error.status not in (NO_FILE, INVALID):
                    raise  # full, busy, forbidden: what is there stays and goes on
                await asyncio.to_thread(note.unlink, missing_ok=True)
                raise StorageError(f"{name}: the unfinished upload cannot go on: {error}") from error
            if body.changed:
                await self._abandon(unfinished, note)
                body.still_the_same()
            limit = self._silence + body.size / REGENERATE_BYTES_PER_SEC
            reply = await line.ask(Command.REGENERATE, name_of(unfinished.name), limit_sec=limit)
            await asyncio.to_thread(note.unlink, missing_ok=True)
            group, final = parse_name(reply)
            await self._verify(line, group, final, body)
        return file_id(group, final)

    async def _reachable(self, unfinished: _Unfinished, note: Path) -> None:
        """Whether its storage is there. One that the trackers send nobody to any more has taken the upload with it."""
        try:
            async with self._connected(unfinished.host, unfinished.port):
                return
        except (OSError, TimeoutError):
            place = await self._place()
            if (place.host, place.port) != (unfinished.host, unfinished.port):
                await asyncio.to_thread(note.unlink, missing_ok=True)
            raise

    async def _abandon(self, unfinished: _Unfinished, note: Path) -> None:
        """Delete what came of it, if that can be done."""
        await asyncio.to_thread(note.unlink, missing_ok=True)
        with contextlib.suppress(OSError, TimeoutError, EOFError, FdfsError):
            async with self._connected(unfinished.host, unfinished.port) as line:
                await line.ask(Command.DELETE, group_field(unfinished.group) + name_of(unfinished.name))

    async def _begin(self, body: FileBody, note: Path) -> _Unfinished:
        place = await self._place()
        async with self._connected(place.host, place.port) as line:
            head = bytes([place.path_index]) + u64(0) + padded(body.path.suffix[1:], 6)
            group, name = parse_name(await line.ask(Command.UPLOAD_APPENDER, head))
        unfinished = _Unfinished(group, place.host, place.port, name, body.sha256, self._piece)
        await asyncio.to_thread(_write_note, note, unfinished)
        return unfinished

    async def _append_all(self, line: _Line, unfinished: _Unfinished, body: FileBody) -> None:
        """Everything that the storage has not taken yet."""
        await body.skip(await self._taken(line, unfinished, body.size))
        while body.sent < body.size:
            size = min(unfinished.piece, body.size - body.sent)
            await line.ask(Command.APPEND, appended(unfinished.name, size), body, size)

    async def _taken(self, line: _Line, unfinished: _Unfinished, whole: int) -> int:
        """Bytes that the storage has for good: whole pieces. An append that broke off is waited for until it is rolled
        back, and cut off where that does not happen.
        """
        give_up = asyncio.get_running_loop().time() + self._rollback
        while True:
            size = parse_info(
                await line.ask(Command.FILE_INFO, group_field(unfinished.group) + name_of(unfinished.name))
            ).size
            pieces = size - size % unfinished.piece
            if size in (pieces, whole):
                return size
            if asyncio.get_running_loop().time() > give_up:
                name = unfinished.name.encode()
                await line.ask(Command.TRUNCATE, u64(len(name)) + u64(pieces) + name)
                return pieces
            await asyncio.sleep(min(1.0, self._rollback / 10))

    @staticmethod
    async def _verify(line: _Line, group: str, name: str, body: FileBody) -> None:
        info = parse_info(await line.ask(Command.FILE_INFO, group_field(group) + name_of(name)))
        if body.changed or (info.size, info.crc) != (body.size, body.crc):
            with contextlib.suppress(FdfsError):
                await line.ask(Command.DELETE, group_field(group) + name_of(name))
            body.still_the_same()
            raise FdfsError(f"the storage holds {info.size} bytes with CRC {info.crc:08x}; that is not what was sent")

    # -- connections

    async def _place(self) -> Place:
        """A storage that takes files."""
        if self._group:
            return parse_place(await self._ask_tracker(Command.QUERY_GROUP, group_field(self._group)))
        return parse_place(await self._ask_tracker(Command.QUERY_STORE))

    async def _ask_tracker(self, command: Command, body: bytes = b"") -> bytes:
        """The reply of the first tracker that gives one."""
        failure: Exception = FdfsError("no tracker is configured")
        for host, port in self._trackers:
            try:
                async with self._connected(host, port) as line:
                    return await line.ask(command, body)
            except (OSError, TimeoutError, EOFError, FdfsError) as error:
                failure = error
        told = FdfsError(f"no tracker knows a storage: {type(failure).__name__} {failure}")
        told.status = getattr(failure, "status", 0)
        raise told

    @contextlib.asynccontextmanager
    async def _connected(self, host: str, port: int) -> AsyncIterator[_Line]:
        async with asyncio.timeout(CONNECT_SEC):
            reader, writer = await asyncio.open_connection(host, port)
        try:
            yield _Line(reader, writer, self._silence)
        finally:
            # After an error the storage closes the connection as well; nothing is worth keeping it for.
            writer.transport.abort()


class _Line:
    """One connection: requests and their replies, one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence_sec: float) -> None:
        self._reader, self._writer, self._silence = reader, writer, silence_sec

    async def ask(
        self,
        command: Command,
        head: bytes = b"",
        body: FileBody | None = None,
        length: int = 0,
        *,
        limit_sec: float | None = None,
    ) -> bytes:
        """The reply's body; `length` bytes of `body` go behind the `head`. Raises `FdfsError` for a status that is none
        of success, `OSError` for a dead line.
        """
        self._writer.write(u64(len(head) + length) + bytes([command, 0]) + head)
        if body is not None:
            async for piece in body.chunks(length):
                self._writer.write(piece)
                async with asyncio.timeout(self._silence):
                    await self._writer.drain()
        async with asyncio.timeout(self._silence if limit_sec is None else limit_sec):
            await self._writer.drain()
            header = await self._reader.readexactly(10)
            length, status = int.from_bytes(header[:8], "big"), header[9]
            if status:
                raise FdfsError.of(command, status)
            if header[8] != Command.REPLY or length > 1 << 16:
                raise FdfsError(f"{command.name}: the reply is not of this protocol")
            return await self._reader.readexactly(length)


def _read_note(note: Path) -> _Unfinished | None:
    try:
        told = json.loads(note.read_text())
        return _Unfinished(**{field.name: told[field.name] for field in fields(_Unfinished) if field.name in told})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        note.unlink(missing_ok=True)
        return None


def _write_note(note: Path, unfinished: _Unfinished) -> None:
    note.parent.mkdir(mode=0o700, exist_ok=True)
    replace_file(note, json.dumps(asdict(unfinished)).encode(), mode=0o600)
