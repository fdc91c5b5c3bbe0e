"""Where finished uploads lie: in the data folder, or in a bucket (`bucket`)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from agent.standalone.files import FileStore

_ONE_RANGE = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-0*[1-9][0-9]{0,17})")
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
        return _Ranged(path, chunk_size=256 << 10, headers={**headers, "Content-Type": TYPES[path.suffix]})


class _Ranged(web.FileResponse):
    """A file of which one range may be asked for. Several at once, and what is none in bytes, are passed over, as RFC
    9110 (14.2) has it: the whole file is the answer.
    """

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Begin the answer."""
        if _ONE_RANGE.fullmatch(request.headers.get("Range", "")) is None:
            request = request.clone(headers={name: text for name, text in request.headers.items() if name != "Range"})
        return await super().prepare(request)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else -1
    except FileNotFoundError:
        return -1
