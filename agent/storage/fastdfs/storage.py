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
import time
from collections.abc import Callable
from pathlib import Path

from agent.storage.base import UPLOAD_NAME, StorageError
from agent.storage.body import SILENCE_SEC, FileBody, opened
from agent.storage.fastdfs.line import Line, LostLine, Unreachable, connect, connected
from agent.storage.fastdfs.notes import Notes, Unfinished
from agent.storage.fastdfs.trackers import Trackers
from agent.storage.fastdfs.wire import (
    INVALID,
    NO_FILE,
    SIZE_ONLY,
    Command,
    FdfsError,
    appended,
    download,
    file_id,
    group_field,
    name_of,
    padded,
    parse_info,
    parse_name,
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
READ_BYTES_PER_SEC = 20e6
"""The storage reads the whole file again for its checksum: slow disks get their time."""
AWAY_SEC = 600.0
"""An unfinished file waits so long for its storage, restarting perhaps, before it begins anew on another."""
SWEPT_SEC = 3600.0
RECENT = 500
"""Files whose address is remembered, should they come again."""
PICTURES = 50
"""Addresses of a live picture that could not be deleted yet."""


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
        self._trackers, self._pace, self._notes = Trackers(trackers, group, silence_sec), pace, Notes(state)
        self._silence, self._piece, self._rollback, self._away = silence_sec, piece, rollback_sec, away_sec
        self._now = now
        self._regenerates: bool | None = None  # until a large file is begun
        self._recent: dict[tuple[str, str], str] = {}
        self._busy: set[str] = set()
        self._swept = -SWEPT_SEC

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """See `base.Storage.put`. The same file again gets another address, unless this storage has just stored it."""
        if UPLOAD_NAME.fullmatch(name) is None:
            raise StorageError(f"{name!r} is not a name that is stored", retry=False)
        self._busy.add(name)
        try:
            async with opened(path, sha256, self._pace, self._silence) as body:
                try:
                    found = await self._again(name, body) or await self._put(name, body)
                except OSError as error:
                    body.still_the_same()
                    raise StorageError(f"{name}: {error}", down=True) from error
                except FdfsError as error:
                    raise StorageError(f"{name}: {error}", down=True) from error
                self._remember(name, sha256, found)
                await self._tidy(name, found)
                return StoredFile(file=f"/{found}", size=body.size, sha256=sha256)
        finally:
            self._busy.discard(name)

    async def delete(self, file: str) -> None:
        """See `base.Storage.delete`."""
        group, _, name = file.removeprefix("/").partition("/")
        try:
            await self._deleted(*await self._trackers.of_file(group, name), group, name)
        except (OSError, FdfsError) as error:
            raise StorageError(f"{file}: {error}", down=True) from error

    async def close(self) -> None:
        """Nothing is held."""

    async def _put(self, name: str, body: FileBody) -> str:
        body.crc = 0
        if body.size >= APPENDED_FROM and self._regenerates is not False:
            unfinished = await self._unfinished(name, body)
            if unfinished is not None:
                return await self._put_pieces(name, unfinished, body)
        return await self._put_whole(body)

    # -- files that come again

    async def _again(self, name: str, body: FileBody) -> str:
        """Where this very content was stored a while ago and still is; empty where it was not. What goes with a file
        that cannot be stored, its picture, would come again with every try of it.
        """
        found = self._recent.get((name, body.sha256), "")
        if not found:
            return ""
        group, _, remote = found.partition("/")
        about = group_field(group) + name_of(remote)
        try:
            async with connected(*await self._trackers.of_file(group, remote), self._silence) as line:
                there = parse_info(await line.ask(Command.FILE_INFO, about)).size == body.size
        except FdfsError as error:
            if error.status != NO_FILE:
                raise
            there = False
        if not there:
            return ""
        await body.skip(body.size)
        body.still_the_same()
        return found

    def _remember(self, name: str, sha256: str, found: str) -> None:
        self._recent.pop((name, sha256), None)
        self._recent[name, sha256] = found
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    async def _tidy(self, name: str, found: str) -> None:
        """Whatever this machine's disk says of it, the file is stored."""
        try:
            if name.startswith("live_"):
                await self._replace(name, found)
            await self._sweep()
        except OSError as error:
            log.warning("what is not wanted any more stays in the storage: %s", error)

    async def _replace(self, name: str, found: str) -> None:
        """Other storages write a live picture over the one before. Here that one is deleted with the next but one, as
        the server shows it until it is told of the new one; a server that has deleted it itself is no harm.
        """
        kept = [one for one in await asyncio.to_thread(self._notes.pictures, name) if one != found] + [found]
        for old in kept[:-2]:
            with contextlib.suppress(StorageError):
                await self.delete(old)
                kept.remove(old)
        await asyncio.to_thread(self._notes.keep_pictures, name, kept[-PICTURES:])

    # -- small files

    async def _put_whole(self, body: FileBody) -> str:
        async with self._trackers.taker() as (place, line):
            head = bytes([place.path_index]) + u64(body.size) + padded(body.path.suffix[1:], 6)
            group, name = parse_name(await line.ask(Command.UPLOAD, head, body, body.size))
            await self._verify(line, group, name, body)
        return file_id(group, name)

    # -- large files

    async def _unfinished(self, name: str, body: FileBody) -> Unfinished | None:
        """What was begun of this content before, or is now; None where the server takes nothing in pieces."""
        unfinished = await asyncio.to_thread(self._notes.read, name)
        if unfinished is not None and unfinished.sha256 == body.sha256:
            return unfinished
        if unfinished is not None:
            await self._abandon(name)
        async with self._trackers.taker() as (place, line):
            head = bytes([place.path_index]) + u64(0) + padded(body.path.suffix[1:], 6)
            group, remote = parse_name(await line.ask(Command.UPLOAD_APPENDER, head))
            unfinished = Unfinished(group, place.host, place.port, remote, body.sha256, self._piece)
            await asyncio.to_thread(self._notes.write, name, unfinished)
            if self._regenerates is None:
                self._regenerates = await self._knows_regenerate(line, remote)
        if self._regenerates:
            return unfinished
        log.info("this FastDFS (before 6.02) makes no ordinary file of pieces; large files go whole")
        await self._abandon(name)
        return None

    @staticmethod
    async def _knows_regenerate(line: Line, name: str) -> bool:
        """Asked of a file that there is not: an older server does not know the command itself (22, and no 2)."""
        nothing = name[:10] + name[10:37][::-1] + name[37:]
        try:
            await line.ask(Command.REGENERATE, name_of(nothing))
        except FdfsError as error:
            return error.status != INVALID
        return True

    async def _put_pieces(self, name: str, unfinished: Unfinished, body: FileBody) -> str:
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
                raise StorageError(f"{name}: the unfinished upload cannot go on: {error}") from error
            await asyncio.to_thread(self._notes.forget, name)
            group, final = parse_name(reply)
            await self._verify(line, group, final, body)
        finally:
            line.abort()
        return file_id(group, final)

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
                place = await self._trackers.place()
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
