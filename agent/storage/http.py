"""Storage over HTTP: `PUT <url>/<name>` with a content digest (RFC 9530), answered with what the server read back."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path

import aiohttp
from pydantic import ValidationError

from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.wire.models import StoredFile

CHUNK = 256 << 10
_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}


class HttpStorage:
    """The embedded server's storage, or anything that speaks the same PUT."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, token: Callable[[], str], pace: Pace, silence_sec: float = 60.0
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._token = token
        self._pace = pace
        # No limit on the whole: a lesson over a thin line may take an hour. Silence is what is limited.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=silence_sec)

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """See `base.Storage.put`."""
        try:
            size = (await asyncio.to_thread(path.stat)).st_size
        except FileNotFoundError as error:
            raise StorageError(f"{path} is not there any more", retry=False) from error
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": _TYPES[path.suffix],
            "Content-Length": str(size),
            "Content-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:",
        }
        try:
            async with self._session.put(
                f"{self._url}/{name}", data=self._chunks(path), headers=headers, timeout=self._timeout
            ) as answer:
                body = await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise StorageError(f"{name}: {type(error).__name__} {error}".rstrip()) from error
        if status != HTTPStatus.OK:
            raise StorageError(
                f"{name}: the storage answers {status} {body[:200].decode(errors='replace')}",
                retry=status not in (HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST),
            )
        return self._verified(name, body, size, sha256)

    @staticmethod
    def _verified(name: str, body: bytes, size: int, sha256: str) -> StoredFile:
        try:
            stored = StoredFile.model_validate_json(body)
        except ValidationError as error:
            raise StorageError(f"{name}: the storage's answer makes no sense: {body[:200]!r}") from error
        if stored.err_code != 0:
            raise StorageError(f"{name}: the storage refuses: {stored.err_code} {stored.err_msg}")
        if (stored.size, stored.sha256) != (size, sha256):
            raise StorageError(
                f"{name}: the storage holds {stored.size} bytes, {stored.sha256[:12]}…; that is not what was sent"
            )
        return stored

    async def _chunks(self, path: Path) -> AsyncIterator[bytes]:
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                await asyncio.sleep(self._pace.wait_for(len(chunk)))
                yield chunk
        finally:
            file.close()

    async def close(self) -> None:
        """The session belongs to the daemon."""
