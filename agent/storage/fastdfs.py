"""Storage in FastDFS: a small asyncio client of its wire protocol.

Trackers say which storage takes a file; the storage gives it a name. Small files go in one command. Large ones go as an
appender file in pieces, so that what broke off goes on, and become ordinary files at the end (`regenerate`), when size
and CRC32 as the storage has them are compared. A file's unfinished name is kept below `state`: FastDFS gives every
upload a new name, and without it one that broke off would be left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from agent.storage.base import UPLOAD_NAME, StorageError
from agent.storage.body import SILENCE_SEC, FileBody, opened
from agent.storage.fdfs_line import Line, LostLine, Unreachable, connect, connected
from agent.storage.fdfs_notes import Notes, Unfinished
from agent.storage.fdfs_wire import (
    INVALID,
    NO_FILE,
    SIZE_ONLY,
    Command,
    FdfsError,
    Place,
    appended,
    download,
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

log = logging.getLogger(__name__)

APPENDED_FROM = 4 << 20
"""Bytes. A smaller file is sent in one command, and anew when that breaks off."""
PIECE = 16 << 20
"""Bytes of one append, which waits for its answer: what a break costs at most, as the storage rolls it back."""
ROLLBACK_SEC = 65.0
"""A storage notices a line that died silently after its own 60 s."""
TRACKER_SEC = 10.0
"""Beside the silence limit: what a tracker's answer, which needs no disk, may take before the next one is asked."""
READ_BYTES_PER_SEC = 20e6
"""The storage reads the whole file again for its checksum: slow disks get their time."""
PLACES = 4
"""So many times the trackers are asked for a storage before one is given up that nobody can reach."""
AWAY_SEC = 600.0
"""An unfinished file waits so long for its storage, restarting perhaps, before it begins anew on another."""
SWEPT_SEC = 3600.0
T = TypeVar("T")
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
        away_sec: float = AWAY_SEC,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._trackers, self._group, self._pace, self._notes = trackers, group, pace, Notes(state)
        self._silence, self._piece, self._rollback, self._away = silence_sec, piece, rollback_sec, away_sec
        self._now = now
        self._first = 0  # the tracker that answered last
        self._whole_only = False
        self._busy: set[str] = set()
        self._swept = -SWEPT_SEC

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """See `base.Storage.put`. The same file again gets another address; the first one is then not used."""
        if UPLOAD_NAME.fullmatch(name) is None:
            raise StorageError(f"{name!r} is not a name that is stored", retry=False)
        whole = self._whole_only
        try:
            return await self._put(path, name, sha256)
        except StorageError:
            if self._whole_only == whole:
                raise
            return await self._put(path, name, sha256)

    async def _put(self, path: Path, name: str, sha256: str) -> StoredFile:
        async with opened(path, sha256, self._pace, self._silence) as body:
            body.crc = 0
            self._busy.add(name)
            try:
                if body.size < APPENDED_FROM or self._whole_only:
                    found = await self._put_whole(body)
                else:
                    found = await self._put_pieces(name, body)
                await self._sweep()
            except OSError as error:
                body.still_the_same()
                raise StorageError(f"{name}: {error}", down=True) from error
            except FdfsError as error:
                raise StorageError(f"{name}: {error}", down=True) from error
            finally:
                self._busy.discard(name)
            return StoredFile(file=f"/{found}", size=body.size, sha256=sha256)

    async def delete(self, file: str) -> None:
        """See `base.Storage.delete`."""
        group, _, name = file.removeprefix("/").partition("/")
        try:
            host, port = await self._asked(parse_server, Command.QUERY_UPDATE, group_field(group) + name_of(name))
            await self._deleted(host, port, group, name)
        except (OSError, FdfsError) as error:
            raise StorageError(f"{file}: {error}", down=True) from error

    async def close(self) -> None:
        """Nothing is held."""

    # -- small files

    async def _put_whole(self, body: FileBody) -> str:
        async with self._storage() as (place, line):
            head = bytes([place.path_index]) + u64(body.size) + padded(body.path.suffix[1:], 6)
            group, name = parse_name(await line.ask(Command.UPLOAD, head, body, body.size))
            await self._verify(line, group, name, body)
        return file_id(group, name)

    # -- large files

    async def _put_pieces(self, name: str, body: FileBody) -> str:
        unfinished = await asyncio.to_thread(self._notes.read, name)
        if unfinished is not None and unfinished.sha256 != body.sha256:
            await self._abandon(name)
            unfinished = None
        if unfinished is None:
            unfinished = await self._begin(name, body)
        line = await self._back_at(name, unfinished)
        try:
            try:
                await self._append_all(line, unfinished, body)
                if body.changed:
                    await self._abandon(name)
                    body.still_the_same()
                limit = self._silence + body.size / READ_BYTES_PER_SEC
                reply = await line.ask(Command.REGENERATE, name_of(unfinished.name), limit_sec=limit)
            except FdfsError as error:
                if error.status not in (NO_FILE, INVALID):
                    raise  # full, busy, forbidden: what is there stays and goes on
                await self._abandon(name)
                if (error.command, error.status) == (Command.REGENERATE, INVALID):
                    self._whole_only = True
                    log.info("this FastDFS (before 6.02?) makes no ordinary file of pieces; large files go whole now")
                raise StorageError(f"{name}: the unfinished upload cannot go on: {error}") from error
            await asyncio.to_thread(self._notes.forget, name)
            group, final = parse_name(reply)
            await self._verify(line, group, final, body)
        finally:
            line.abort()
        return file_id(group, final)

    async def _begin(self, name: str, body: FileBody) -> Unfinished:
        async with self._storage() as (place, line):
            head = bytes([place.path_index]) + u64(0) + padded(body.path.suffix[1:], 6)
            group, remote = parse_name(await line.ask(Command.UPLOAD_APPENDER, head))
        unfinished = Unfinished(group, place.host, place.port, remote, body.sha256, self._piece)
        await asyncio.to_thread(self._notes.write, name, unfinished)
        return unfinished

    async def _back_at(self, name: str, unfinished: Unfinished) -> Line:
        """A connection to the storage of an unfinished file. One that has been away for long, and to which the trackers
        send nobody any more, has taken the upload with it.
        """
        try:
            line = await connect(unfinished.host, unfinished.port, self._silence)
        except Unreachable:
            if not unfinished.away_since:
                unfinished.away_since = self._now()
                await asyncio.to_thread(self._notes.write, name, unfinished)
            if not 0 <= self._now() - unfinished.away_since < self._away:
                place = await self._place()
                if (place.host, place.port) != (unfinished.host, unfinished.port):
                    await asyncio.to_thread(self._notes.leave, name)
            raise
        if unfinished.away_since:
            unfinished.away_since = 0.0
            await asyncio.to_thread(self._notes.write, name, unfinished)
        else:
            await asyncio.to_thread(self._notes.touch, name)
        return line

    async def _append_all(self, line: Line, unfinished: Unfinished, body: FileBody) -> None:
        """Everything that the storage has not taken yet."""
        await body.skip(await self._taken(line, unfinished, body.size))
        while body.sent < body.size:
            size = min(unfinished.piece, body.size - body.sent)
            await line.ask(Command.APPEND, appended(unfinished.name, size), body, size)

    async def _taken(self, line: Line, unfinished: Unfinished, whole: int) -> int:
        """Bytes that the storage has for good: whole pieces. An append that broke off is waited for until it is rolled
        back, and cut off where that does not happen.
        """
        clock = asyncio.get_running_loop().time
        give_up = clock() + self._rollback
        about = group_field(unfinished.group) + name_of(unfinished.name)
        # Before 6.15.1 the storage reads the whole file for its CRC32, asked or not.
        limit = self._silence + whole / READ_BYTES_PER_SEC
        while True:
            asked = clock()
            size = parse_info(await line.ask(Command.FILE_INFO, about, flags=SIZE_ONLY, limit_sec=limit)).size
            pieces = size - size % unfinished.piece
            if size in (pieces, whole):
                return size
            if clock() > give_up:
                name = unfinished.name.encode()
                await line.ask(Command.TRUNCATE, u64(len(name)) + u64(pieces) + name)
                return pieces
            await asyncio.sleep(max(min(1.0, self._rollback / 10), clock() - asked))

    # -- what is not wanted any more

    async def _abandon(self, name: str) -> None:
        """Delete what came of it, now if that can be done."""
        left = await asyncio.to_thread(self._notes.leave, name)
        if left is not None:
            self._swept = -SWEPT_SEC
            await self._sweep()

    async def _sweep(self) -> None:
        """Delete what was left on storages, those that can be reached, once an hour."""
        clock = asyncio.get_running_loop().time
        if clock() - self._swept < SWEPT_SEC:
            return
        self._swept = clock()
        away: set[tuple[str, int]] = set()
        for path, left in await asyncio.to_thread(lambda: list(self._notes.left(self._now(), self._busy))):
            place = (left.host, left.port)
            if place in away:
                continue
            try:
                await self._deleted(*place, left.group, left.name)
            except (OSError, FdfsError) as error:
                away.add(place)
                log.info("%s stays on its storage for now: %s", left.name, error)
            else:
                await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _deleted(self, host: str, port: int, group: str, name: str) -> None:
        async with connected(host, port, self._silence) as line:
            try:
                await line.ask(Command.DELETE, group_field(group) + name_of(name))
            except FdfsError as error:
                if error.status != NO_FILE:
                    raise

    # -- evidence

    async def _verify(self, line: Line, group: str, name: str, body: FileBody) -> None:
        info = parse_info(await line.ask(Command.FILE_INFO, group_field(group) + name_of(name)))
        same = not body.changed and info.size == body.size
        if same and info.crc != body.crc:
            # The CRC32 is out of the file's name. Where the storage keeps equal files once (check_file_duplicate), the
            # second one's is any number.
            same = await self._reads_back(line, group, name) == body.sha256
        if not same:
            with contextlib.suppress(FdfsError, LostLine):
                await line.ask(Command.DELETE, group_field(group) + name_of(name))
            body.still_the_same()
            raise FdfsError(f"the storage holds {info.size} bytes with CRC {info.crc:08x}; that is not what was sent")

    @staticmethod
    async def _reads_back(line: Line, group: str, name: str) -> str:
        digest = hashlib.sha256()
        async for piece in line.download(download(group, name)):
            digest.update(piece)
        return digest.hexdigest()

    # -- who takes files

    @contextlib.asynccontextmanager
    async def _storage(self) -> AsyncIterator[tuple[Place, Line]]:
        """A storage that takes files, and a connection to it: another one where the trackers' first choice is dead."""
        dead: dict[tuple[str, int], Unreachable] = {}
        for _ in range(PLACES):
            place = await self._place()
            where = (place.host, place.port)
            if where in dead:
                continue
            try:
                line = await connect(*where, self._silence)
            except Unreachable as error:
                dead[where] = error
                continue
            try:
                yield place, line
            finally:
                line.abort()
            return
        raise next(iter(dead.values()))

    async def _place(self) -> Place:
        if self._group:
            return await self._asked(parse_place, Command.QUERY_GROUP, group_field(self._group))
        return await self._asked(parse_place, Command.QUERY_STORE)

    async def _asked(self, parse: Callable[[bytes], T], command: Command, body: bytes = b"") -> T:
        """The reply of the first tracker that gives one, of the last one that did first of all."""
        failures: list[Exception] = []
        for number in range(len(self._trackers)):
            index = (self._first + number) % len(self._trackers)
            try:
                async with connected(*self._trackers[index], min(self._silence, TRACKER_SEC)) as line:
                    found = parse(await line.ask(command, body))
            except (OSError, FdfsError) as error:
                failures.append(error)
            else:
                self._first = index
                return found
        # What a tracker says is worth more than that another one is away.
        told = next((one for one in failures if isinstance(one, FdfsError) and one.status), failures[-1])
        raise FdfsError(f"no tracker names a storage: {told}") from told
