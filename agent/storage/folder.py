"""Storage in a folder that the server reads as well: a mounted share, or a disk of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from itertools import cycle
from pathlib import Path

from agent.files import sync_directory
from agent.storage.base import UPLOAD_NAME, StorageError
from agent.wire.models import StoredFile

_BLOCK = 1 << 20
_BLOCKS = 4
"""In memory: one is written while the one before is summed."""
_WRITE_OUT = 8 << 20
"""Bytes after which the disk is told to begin, so that little is left for the end."""


class FolderStorage:
    """Files below `root`; the address that is reported is `/<name>`, relative to whatever serves the folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """See `base.Storage.put`."""
        return await asyncio.to_thread(self._put, path, name, sha256)

    def _put(self, path: Path, name: str, sha256: str) -> StoredFile:
        if UPLOAD_NAME.fullmatch(name) is None:
            raise StorageError(f"{name!r} is not a name that is stored", retry=False)
        if not self._root.is_dir():
            raise StorageError(f"the storage folder {self._root} is not there; is the share mounted?")
        target, temporary = self._root / name, self._root / f".{name}.new"
        try:
            if target.exists() and _digest(target) == sha256:
                return StoredFile(file=f"/{name}", size=target.stat().st_size, sha256=sha256)
            size = path.stat().st_size
            if _copied(path, temporary) != sha256 or temporary.stat().st_size != size:
                if _digest(path) != sha256:
                    raise StorageError(f"{path} has changed since it was recorded", retry=False)
                raise StorageError(f"{name}: what the storage holds is not what was sent")
            temporary.replace(target)
            sync_directory(self._root)
        except OSError as error:
            raise StorageError(f"{name}: {error}", retry=not isinstance(error, FileNotFoundError)) from error
        finally:
            temporary.unlink(missing_ok=True)
        return StoredFile(file=f"/{name}", size=size, sha256=sha256)

    async def delete(self, file: str) -> None:
        """See `base.Storage.delete`."""
        name = file.removeprefix("/")
        if UPLOAD_NAME.fullmatch(name) is None:
            raise StorageError(f"{name!r} is not a name that is stored", retry=False)
        try:
            await asyncio.to_thread((self._root / name).unlink, missing_ok=True)
        except OSError as error:
            raise StorageError(f"{name}: {error}") from error

    async def close(self) -> None:
        """Nothing is held."""


def _copied(source: Path, target: Path) -> str:
    """Copy, and force to disk; the checksum of the bytes that were written, taken beside."""
    digest = hashlib.sha256()
    blocks = [memoryview(bytearray(_BLOCK)) for _ in range(_BLOCKS)]
    with source.open("rb", 0) as read, target.open("wb", 0) as written, ThreadPoolExecutor(1) as beside:
        summed: deque[Future[None]] = deque()
        begun = at = 0
        for block in cycle(blocks):
            if len(summed) == _BLOCKS:
                summed.popleft().result()
            piece = block[: read.readinto(block)]
            if not piece:
                break
            summed.append(beside.submit(digest.update, piece))
            at += _write(written, piece)
            if at - begun >= _WRITE_OUT:
                beside.submit(os.posix_fadvise, written.fileno(), begun, at - begun, os.POSIX_FADV_DONTNEED)
                begun = at
        while summed:
            summed.popleft().result()
        os.fsync(written.fileno())
    return digest.hexdigest()


def _write(file: FileIO, piece: memoryview) -> int:
    left = piece
    while left:
        left = left[file.write(left) :]
    return len(piece)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
