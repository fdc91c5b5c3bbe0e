"""A slice's bytes on disk: what is appended and when it is forced to the platters, and the few bytes that change.

A slice only grows, until its very last write: a few bytes at its head turn fragments into one `mdat` behind which the
index stands.  Were those on disk before the index, a power cut would take the whole file; hence everything is synced
*before* the head is written again.

A SHA-256 cannot run along with a file whose head is written last.  What is kept is a CRC of every piece that was
appended: at the end the file is read once, gives its SHA-256, and must match them all.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from recorder import clocks, disk_calls
from recorder.errors import FileError, SyncFailed

UNBORN_SUFFIX = ".new"
_READ_BYTES = 1 << 20
_MOST_PIECES = os.sysconf("SC_IOV_MAX")


class SyncedFile:
    """A new file, locked (`flock`) for as long as it is open; `sync_sec` bounds what a power cut can take.

    Syncs are made at multiples of `sync_sec` of the monotonic clock, which all processes of a machine share: a disk
    that turns is asked by all channels in the same moment, and then left to its writes (design, part 3).

    With each sync it is made sure that the file still stands under its name: what is written into a file whose folder
    was removed, or whose disk was unmounted lazily, can be found by nobody (`gone`).

    Everything raises `FileError`, and the first one stays in `error`: a file that failed takes no more.  After
    `SyncFailed` it is not to be used: what was not synced counts as lost.
    """

    def __init__(self, path: Path, sync_sec: float, monotonic: Callable[[], float] = clocks.monotonic) -> None:
        self.path = path
        self.error: FileError | None = None
        self.gone = False
        self.end = 0
        self.synced_end = 0
        self._sync_sec = sync_sec
        self._monotonic = monotonic
        self._sync_at: float | None = None  # None while everything is durable
        self._entered = False  # whether the folder's entry is durable
        self._head = b""
        self._lengths = array("Q")  # of what was appended behind the head, and the CRC-32 of each
        self._sums = array("L")
        try:
            self._fd = _create_locked(path)
        except OSError as error:
            raise FileError(f"cannot create {path.name}: {error.strerror}") from error

    # -- bytes -------------------------------------------------------------------------------------------------------

    def begin(self, head: bytes) -> None:
        """What the file begins with; it is written with the first `append`."""
        self._head = head
        self.end = len(head)

    def append(self, pieces: Sequence[bytes], sums: Sequence[tuple[int, int]]) -> None:
        """Write these at the end, all of them or `FileError`; `sums`: lengths and CRC-32 of what they amount to."""
        if self.error is not None:
            raise self.error
        start = self.end
        if not self._lengths:
            start, pieces = 0, (self._head, *pieces)
        try:
            self.end = start + self._write_all(pieces, start)
        except OSError as error:
            raise self._failed(FileError(f"cannot write {self.path.name}: {error.strerror}")) from error
        for length, crc in sums:
            self._lengths.append(length)
            self._sums.append(crc)
        self._written()

    def rewrite_head(self, head: bytes) -> None:
        """Other bytes in place of what the file began with, as many; what stands behind is durable before."""
        assert len(head) == len(self._head)
        self.sync()
        try:
            self._write_all((head,), 0)
        except OSError as error:
            raise self._failed(FileError(f"cannot write {self.path.name}: {error.strerror}")) from error
        self._head = head
        self._written()

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
        sha, position = hashlib.sha256(), len(self._head)
        try:
            head = disk_calls.pread(self._fd, position, 0)
            whole = head == self._head
            sha.update(head)
            for length, expected in zip(self._lengths, self._sums, strict=True):
                end, crc = position + length, 0
                while position < end:
                    block = disk_calls.pread(self._fd, min(_READ_BYTES, end - position), position)
                    if not block:
                        break
                    sha.update(block)
                    crc = zlib.crc32(block, crc)
                    position += len(block)
                whole = whole and crc == expected
            size = os.fstat(self._fd).st_size
        except OSError as error:
            raise FileError(f"cannot read {self.path.name} back: {error.strerror}") from error
        if not whole or position != self.end or size != self.end:
            raise FileError(f"{self.path.name}: the disk returned other bytes than were written")
        return sha.hexdigest()

    def read(self, start: int, length: int) -> bytes:
        """Bytes that were written; `FileError` where they cannot be read."""
        try:
            return disk_calls.pread(self._fd, length, start)
        except OSError as error:
            raise FileError(f"cannot read {self.path.name} back: {error.strerror}") from error

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

    def _written(self) -> None:
        if self._sync_at is None:
            self._sync_at = next_tick(self._monotonic(), self._sync_sec)
        self.sync_if_due()

    def _write_all(self, pieces: Sequence[bytes], start: int) -> int:
        """How many bytes these are; where a call takes a part of them, the rest follows."""
        total = 0
        for first in range(0, len(pieces), _MOST_PIECES):
            some = pieces[first : first + _MOST_PIECES]
            size = sum(map(len, some))
            written = disk_calls.pwritev(self._fd, some, start + total)
            if written < size:
                rest = memoryview(b"".join(some))
                while written < size:
                    written += disk_calls.pwritev(self._fd, (rest[written:],), start + total + written)
            total += size
        return total

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
