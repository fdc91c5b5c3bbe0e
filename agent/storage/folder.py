"""Storage in a folder that the server reads as well: a mounted share, or a disk of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from agent.files import sync_directory
from agent.storage.base import UPLOAD_NAME, StorageError
from agent.wire.models import StoredFile

CHUNK = 1 << 20


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
            size, digest = _copy(path, temporary)
            if digest != sha256:
                raise StorageError(f"{path} has changed since it was recorded", retry=False)
            temporary.replace(target)
            sync_directory(self._root)
            if target.stat().st_size != size:  # a share that is full or gone may say so by this alone
                raise StorageError(f"{name}: what the storage holds is not what was sent")
        except OSError as error:
            raise StorageError(f"{name}: {error}", retry=not isinstance(error, FileNotFoundError)) from error
        finally:
            temporary.unlink(missing_ok=True)
        return StoredFile(file=f"/{name}", size=size, sha256=digest)

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


def _copy(source: Path, target: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return size, digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
