"""A slice's bytes on disk: what PyAV writes through, and what forces it to the platters at the right moments.

libavformat's `hybrid_fragmented` appends only, until its very last write: 8 bytes over an earlier place turn the
fragments into one `mdat` behind which the index stands.  Were those 8 bytes on disk before the index, a power cut would
take the whole file; hence everything is synced *before* a write that goes backward.

A SHA-256 cannot run along with a file whose 45th byte is written last.  What runs along is a CRC of everything
appended, and the first 64 KiB are kept: at the end the file is read once, gives its SHA-256, and must match both.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from recorder import clocks, disk_calls
from recorder.errors import FileError, SyncFailed

HEAD_BYTES = 64 << 10
UNBORN_SUFFIX = ".new"
_READ_BYTES = 1 << 20


class SyncedFile:
    """A new file, locked (`flock`) for as long as it is open; `sync_sec` bounds what a power cut can take.

    Syncs are made at multiples of `sync_sec` of the monotonic clock, which all processes of a machine share: a disk
    that turns is asked by all channels in the same moment, and then left to its writes (design, part 3).

    With each sync it is made sure that the file still stands under its name: what is written into a file whose folder
    was removed, or whose disk was unmounted lazily, can be found by nobody (`gone`).

    Everything raises `FileError`; since errors may come out of PyAV's callbacks in other clothes, the first one also
    stays in `error`.  After `SyncFailed` the file is not to be used: what was not synced counts as lost.
    """

    def __init__(self, path: Path, sync_sec: float, monotonic: Callable[[], float] = clocks.monotonic) -> None:
        self.path = path
        self.name = str(path)
        self.error: FileError | None = None
        self.gone = False
        self.end = 0
        self.synced_end = 0
        self._sync_sec = sync_sec
        self._monotonic = monotonic
        self._position = 0
        self._sync_at: float | None = None  # None while everything is durable
        self._entered = False  # whether the folder's entry is durable
        self._head = bytearray()
        self._crc: int | None = 0
        try:
            self._fd = _create_locked(path)
        except OSError as error:
            raise FileError(f"cannot create {path.name}: {error.strerror}") from error

    # -- what PyAV calls ---------------------------------------------------------------------------------------------

    def write(self, data: bytes | memoryview) -> int:
        """Write at the current position; all of it or `FileError`."""
        if self.error is not None:
            raise self.error
        start = self._position
        if start < self.end:
            self.sync()
        try:
            self._write_all(data, start)
        except OSError as error:
            raise self._failed(FileError(f"cannot write {self.path.name}: {error.strerror}")) from error
        self._account(data, start)
        self._position += len(data)
        self.end = max(self.end, self._position)
        if self._sync_at is None:
            self._sync_at = next_tick(self._monotonic(), self._sync_sec)
        self.sync_if_due()
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As for any file."""
        self._position = offset + (0, self._position, self.end)[whence]
        return self._position

    def tell(self) -> int:
        """As for any file."""
        return self._position

    # -- durability --------------------------------------------------------------------------------------------------

    def sync_if_due(self) -> None:
        """Sync when a tick has passed since the oldest unsynced write, which is then `sync_sec` old at most."""
        if self._sync_at is not None and self._monotonic() >= self._sync_at:
            self.sync()

    def sync(self) -> None:
        """Everything written so far is durable, or `SyncFailed`.

        Never retried: after a failed sync the kernel takes the pages for clean, and the next sync would lie.
        """
        if self.error is not None:
            raise self.error
        if self._sync_at is None:
            return
        try:
            disk_calls.fdatasync(self._fd)
        except OSError as error:
            raise self._failed(SyncFailed(f"cannot sync {self.path.name}: {error.strerror}")) from error
        self._check_name()
        if not self._entered:
            self._enter()
        self.synced_end = self.end
        self._sync_at = None

    def digest(self) -> str:
        """SHA-256 in hex of the whole file, read back; `FileError` when the disk gives other bytes than written."""
        sha, crc, position = hashlib.sha256(), 0, 0
        try:
            while block := disk_calls.pread(self._fd, HEAD_BYTES if position == 0 else _READ_BYTES, position):
                sha.update(block)
                if position == 0:
                    if block != self._head:
                        raise FileError(f"{self.path.name}: the disk returned other bytes than were written")
                else:
                    crc = zlib.crc32(block, crc)
                position += len(block)
        except OSError as error:
            raise FileError(f"cannot read {self.path.name} back: {error.strerror}") from error
        if position != self.end or (self._crc is not None and crc != self._crc):
            raise FileError(f"{self.path.name}: the disk returned other bytes than were written")
        return sha.hexdigest()

    def close(self) -> None:
        """Close and unlock, as it is."""
        if self._fd >= 0:
            disk_calls.close(self._fd)
            self._fd = -1

    # -- inside ------------------------------------------------------------------------------------------------------

    def _check_name(self) -> None:
        try:
            self.gone = not os.path.samestat(self.path.stat(), os.fstat(self._fd))
        except FileNotFoundError:
            self.gone = True
        except OSError as error:
            raise self._failed(FileError(f"cannot find {self.path.name} again: {error.strerror}")) from error
        if self.gone:
            raise self._failed(FileError(f"{self.path.name} is gone from its folder"))

    def _enter(self) -> None:
        """What was synced into a file that has no name after a power cut is lost all the same."""
        try:
            sync_folder(self.path.parent)
        except SyncFailed as error:
            raise self._failed(error) from error
        self._entered = True

    def _write_all(self, data: bytes | memoryview, start: int) -> None:
        written = disk_calls.pwrite(self._fd, data, start)
        if written < len(data):
            rest = memoryview(data)
            while written < len(data):
                written += disk_calls.pwrite(self._fd, rest[written:], start + written)

    def _account(self, data: bytes | memoryview, start: int) -> None:
        """Keep the head and the checksum of the tail right."""
        into_head = min(max(HEAD_BYTES - start, 0), len(data))
        if into_head:
            self._head[start : start + into_head] = data[:into_head]
        if into_head < len(data) and self._crc is not None:
            # Nothing writes backward into the tail; were a muxer to, its checksum could not be told any more.
            appended = start + into_head == max(self.end, HEAD_BYTES)
            self._crc = zlib.crc32(memoryview(data)[into_head:], self._crc) if appended else None

    def _failed(self, error: FileError) -> FileError:
        self.error = error
        return error


def next_tick(now: float, every: float) -> float:
    """The first multiple of `every` seconds behind `now`; `now` itself where `every` is 0."""
    return (math.floor(now / every) + 1) * every if every else now


def file_digest(fd: int) -> str:
    """SHA-256 in hex of an open file; `FileError` when it cannot be read."""
    sha, position = hashlib.sha256(), 0
    try:
        while block := disk_calls.pread(fd, _READ_BYTES, position):
            sha.update(block)
            position += len(block)
    except OSError as error:
        raise FileError(f"cannot read back: {error.strerror}") from error
    return sha.hexdigest()


def _create_locked(path: Path) -> int:
    """A new file that nobody has ever seen unlocked under its name: a repair would take it for an orphan."""
    unborn = path.with_name(f".{path.name}{UNBORN_SUFFIX}")
    fd = disk_calls.open_file(unborn, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        disk_calls.rename(unborn, path)
    except BaseException:
        disk_calls.close(fd)
        raise
    return fd


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable; `SyncFailed` otherwise."""
    try:
        fd = disk_calls.open_file(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            disk_calls.fsync(fd)
        finally:
            disk_calls.close(fd)
    except OSError as error:
        raise SyncFailed(f"cannot sync {folder.name}: {error.strerror}") from error


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO | None]:
    """The file, for reading, locked as a `SyncedFile` is; None when somebody else holds it, or it is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        # Whoever held it may have renamed it between the opening and the lock.
        yield file if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())) else None
