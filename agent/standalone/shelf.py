"""Where finished uploads lie: in the data folder, or in a bucket (`bucket`)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from aiohttp import web

from agent.standalone.gather.files import FileStore

TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}


class ShelfError(OSError):
    """The shelf cannot do it now; the message says why. Nothing is lost by that: it is asked again."""


class Shelf(Protocol):
    """A place for whole files, by their paths (`FileStore.place`)."""

    @property
    def bucket(self) -> str:
        """The bucket, as people know it; empty for the data folder."""

    async def open(self) -> None:
        """Get ready, once a loop runs."""

    async def close(self) -> None:
        """Let go of connections."""

    async def keep(self, arrived: Path, relative: str, sha256: str) -> None:
        """Take a verified upload, durably; `arrived` is gone then, or goes with its `FileStore.arriving`. Raises
        `OSError`.
        """

    async def size(self, relative: str) -> int:
        """Bytes of a file; -1 where there is none. Raises `OSError`."""

    async def remove(self, relative: str) -> None:
        """Delete a file; none is there is as good. Raises `OSError`."""

    async def response(self, request: web.Request, relative: str, headers: dict[str, str]) -> web.StreamResponse:
        """A file as the answer to a request, with ranges; 404 where there is none."""


class FolderShelf:
    """The data folder itself."""

    bucket = ""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    async def open(self) -> None:
        """See `Shelf`."""

    async def close(self) -> None:
        """See `Shelf`."""

    async def keep(self, arrived: Path, relative: str, sha256: str) -> None:
        """See `Shelf`."""
        await asyncio.to_thread(self._files.keep, arrived, relative)

    async def size(self, relative: str) -> int:
        """See `Shelf`."""
        return await asyncio.to_thread(_size, self._files.path(relative))

    async def remove(self, relative: str) -> None:
        """See `Shelf`."""
        await asyncio.to_thread(self._files.remove, relative)

    async def response(self, request: web.Request, relative: str, headers: dict[str, str]) -> web.StreamResponse:
        """See `Shelf`."""
        path = self._files.path(relative)
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, chunk_size=256 << 10, headers={**headers, "Content-Type": TYPES[path.suffix]})


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else -1
    except FileNotFoundError:
        return -1
