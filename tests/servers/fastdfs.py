"""A tracker and a storage that speak FastDFS's protocol as its 6.16 was measured to and as its sources have it, for
tests: files in memory.

Kept to the letter: 10-byte headers, every reply command 100, errno as status with an empty body, the connection closed
after 22; what is refused is refused before the content has come, and what comes then is taken for the next request;
upload bodies of another length refused; appends to ordinary files refused; an append that breaks off rolled back
(`rollback_sec` later, as on a line that dies silently); names of 44 characters, of 60 in a trunk; a regenerated name is
new, and the old one gone; a CRC32 is a C int, widened; that of an appender file costs the storage the whole file
(`summed`), unless the flag says that it is not wanted.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal

GROUP = b"group1"
NOT_PERMITTED, NO_FILE, INVALID, NO_SPACE = 1, 2, 22, 28
SIZE_ONLY = 1

Fault = Literal[
    "", "full", "disk full", "refused", "lies about size", "holds other bytes", "holds nothing", "keeps all"
]
"""`full`: every storage below its reserved space (told by the tracker, as measured). `disk full`: the second append and
those behind it find no space. `refused`: by the storage.
`keeps all`: nothing is deleted. `holds nothing`: a name is given, and no file stands behind it."""


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class _File:
    content: bytearray
    appender: bool
    crc: int = 0
    """As its name has it."""


@dataclass
class FastDfs:
    """`files` by remote name. `advertised` is where the tracker sends clients (a proxy's port, to break lines), one
    after the other where there are several.

    `trunk`: use_trunk_file is on. `once`: check_file_duplicate is on, so that the second of two equal files is a link
    whose name has any CRC. `old`: before 6.02, appender files stay what they are, and flags are not known. `shut`:
    allow_hosts does not have us.
    """

    address_width: int = 15
    rollback_sec: float = 0.0
    tracker_port: int = 0
    storage_port: int = 0
    advertised: int | list[int] = 0
    active: bool = True
    fault: Fault = ""
    trunk: bool = False
    once: bool = False
    old: bool = False
    shut: bool = False
    files: dict[str, _File] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    summed: int = 0
    _number: itertools.count[int] = field(default_factory=itertools.count)

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[FastDfs]:
        """Listen on two ports."""
        tracker = await asyncio.start_server(self._tracker, "127.0.0.1", 0)
        storage = await asyncio.start_server(self._storage, "127.0.0.1", 0, limit=1 << 20)
        self.tracker_port = tracker.sockets[0].getsockname()[1]
        self.storage_port = storage.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            tracker.close()
            storage.close()
            await asyncio.sleep(0)

    def content(self, path: str) -> bytes | None:
        """What lies at `/<group>/<name>`; None where nothing does."""
        found = self.files.get(path.removeprefix(f"/{GROUP.decode()}/"))
        return None if found is None else bytes(found.content)

    async def _tracker(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def answer(command: int, length: int, _: int) -> bytes:
            body = await reader.readexactly(length)
            if command == 101 and body:
                raise _Refused(INVALID)
            if command == 104 and body.rstrip(b"\0") != GROUP:
                raise _Refused(NO_FILE)
            if command not in (101, 103, 104):
                raise _Refused(INVALID)
            if not self.active:
                raise _Refused(NO_FILE)
            if command != 103 and self.fault == "full":
                raise _Refused(NO_SPACE)
            host = b"127.0.0.1".ljust(self.address_width, b"\0")
            port = struct.pack(">q", self._next_place() or self.storage_port)
            return GROUP.ljust(16, b"\0") + host + port + (b"" if command == 103 else b"\0")

        await self._serve(reader, writer, answer)

    async def _storage(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def answer(command: int, length: int, flags: int) -> bytes:
            if command in (11, 23):
                return await self._upload(reader, length, appender=command == 23)
            if command == 24:
                return await self._append(reader, length)
            body = await reader.readexactly(length)
            known = {12: self._delete, 14: self._download, 36: self._truncate, 38: self._regenerate}
            if command == 22:
                return self._info(body, flags)
            if command not in known or (command == 38 and self.old):
                raise _Refused(INVALID)
            return known[command](body)

        if self.shut:
            writer.close()
            return
        await self._serve(reader, writer, answer)

    def _next_place(self) -> int:
        if isinstance(self.advertised, int):
            return self.advertised
        self.advertised = [*self.advertised[1:], self.advertised[0]]
        return self.advertised[-1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: object) -> None:
        try:
            while True:
                length, command, flags = struct.unpack(">qBB", await reader.readexactly(10))
                self.asked.append(command)
                try:
                    if length < 0:
                        break
                    body = await answer(command, length, flags)  # type: ignore[operator]
                    writer.write(struct.pack(">qBB", len(body), 100, 0) + body)
                except _Refused as refused:
                    writer.write(struct.pack(">qBB", 0, 100, refused.status))
                    if refused.status == INVALID:
                        break
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _name(self, content: bytes, extension: str, crc: int, *, trunk: bool = False) -> str:
        """44 characters: a path of two folders, 27 of base64, and an extension with digits before it. In a trunk 16 of
        base64 more, which say where.
        """
        raw = struct.pack(">iiqI", 0x7F000001, 1_800_000_000, len(content), crc)
        digits = f"{next(self._number):07}"[-(7 - len(extension) - 1) :]
        where = base64.urlsafe_b64encode(bytes(12)).decode() if trunk else ""
        return f"M00/00/00/{base64.urlsafe_b64encode(raw).decode().rstrip('=')}{where}{digits}.{extension}"

    async def _upload(self, reader: asyncio.StreamReader, length: int, *, appender: bool) -> bytes:
        _, size, extension = struct.unpack(">Bq6s", await reader.readexactly(15))
        if size != length - 15:
            raise _Refused(INVALID)
        if self.fault == "refused":
            raise _Refused(NOT_PERMITTED)
        content = bytearray(await reader.readexactly(size))  # broken off: nothing is kept
        if self.fault == "holds other bytes" and content:
            content[0] ^= 1
        crc = zlib.crc32(content)
        if self.once and any(file.content == content for file in self.files.values()):
            crc ^= 0x5A5A5A5A
        name = self._name(bytes(content), extension.rstrip(b"\0").decode(), crc, trunk=self.trunk and not appender)
        assert len(name) == (60 if self.trunk and not appender else 44)
        if self.fault != "holds nothing" or appender:
            self.files[name] = _File(content, appender, crc)
        return GROUP.ljust(16, b"\0") + name.encode()

    async def _append(self, reader: asyncio.StreamReader, length: int) -> bytes:
        name_length, size = struct.unpack(">qq", await reader.readexactly(16))
        name = (await reader.readexactly(name_length)).decode()
        file = self.files.get(name)
        if length != 16 + name_length + size or file is None or not file.appender:
            raise _Refused(INVALID if file else NO_FILE)
        before, left = len(file.content), size
        if self.fault == "disk full" and before:
            raise _Refused(NO_SPACE)
        try:
            while left:
                file.content += await reader.readexactly(min(left, 1 << 18))
                left -= min(left, 1 << 18)
        except (OSError, asyncio.IncompleteReadError):
            if self.rollback_sec:
                await asyncio.sleep(self.rollback_sec)
            del file.content[before:]
            raise
        if self.fault == "holds other bytes":
            file.content[-1] ^= 1
        return b""

    def _find(self, name: bytes) -> _File:
        file = self.files.get(name.decode())
        if file is None:
            raise _Refused(NO_FILE)
        return file

    def _delete(self, body: bytes) -> bytes:
        self._find(body[16:])
        if self.fault == "keeps all":
            raise _Refused(NOT_PERMITTED)
        del self.files[body[16:].decode()]
        return b""

    def _download(self, body: bytes) -> bytes:
        offset, length = struct.unpack(">qq", body[:16])
        content = self._find(body[32:]).content
        return bytes(content[offset : offset + length] if length else content[offset:])

    def _info(self, body: bytes, flags: int) -> bytes:
        file = self._find(body[16:])
        crc = file.crc
        if file.appender and not self.old:
            crc = 0 if flags & SIZE_ONLY else zlib.crc32(file.content)
            self.summed += 0 if flags & SIZE_ONLY else len(file.content)
        size = len(file.content) - (self.fault == "lies about size" and not file.appender)
        crc -= (crc >> 31) << 32  # a C int, widened
        return struct.pack(">qqq", size, 1_800_000_000, crc) + b"127.0.0.1".ljust(self.address_width + 1, b"\0")

    def _truncate(self, body: bytes) -> bytes:
        name_length, size = struct.unpack(">qq", body[:16])
        file = self._find(body[16 : 16 + name_length])
        if not file.appender or size > len(file.content):
            raise _Refused(INVALID)
        del file.content[size:]
        return b""

    def _regenerate(self, body: bytes) -> bytes:
        file = self._find(body)
        if not file.appender:
            raise _Refused(INVALID)
        del self.files[body.decode()]
        crc = zlib.crc32(file.content)
        name = self._name(bytes(file.content), body.decode().rpartition(".")[2], crc)
        if self.fault != "holds nothing":
            self.files[name] = _File(file.content, appender=False, crc=crc)
        return GROUP.ljust(16, b"\0") + name.encode()
