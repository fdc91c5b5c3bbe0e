"""Storage over HTTP: `PUT <url>/<name>` with a content digest (RFC 9530), answered with what the server read back."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path

import aiohttp
from pydantic import ValidationError

from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.wire.models import StoredFile

CHUNK = 64 << 10
MAX_ANSWER = 64 << 10
SILENCE_SEC = 60.0
"""A storage that takes no byte and gives no answer for this long is given up."""
_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}


class HttpStorage:
    """The embedded server's storage, or anything that speaks the same PUT."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        token: Callable[[], str],
        pace: Pace,
        silence_sec: float = SILENCE_SEC,
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._token = token
        self._pace = pace
        self._silence = silence_sec

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """See `base.Storage.put`."""
        try:
            size = (await asyncio.to_thread(path.stat)).st_size
        except FileNotFoundError as error:
            raise StorageError(f"{path} is not there any more", retry=False) from error
        body = _Body(path, size, sha256, self._pace, self._silence)
        try:
            status, content = await self._send(name, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if body.changed:
                raise StorageError(f"{path} has changed since it was recorded", retry=False) from error
            raise StorageError(f"{name}: {type(error).__name__} {error}".rstrip()) from error
        if body.changed:
            raise StorageError(f"{path} has changed since it was recorded", retry=False)
        if status != HTTPStatus.OK:
            raise StorageError(
                f"{name}: the storage answers {status} {content[:200].decode(errors='replace')}",
                retry=status not in (HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST),
            )
        return _verified(name, content, size, sha256)

    async def _send(self, name: str, body: _Body) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": _TYPES[body.path.suffix],
            "Content-Length": str(body.size),
            "Content-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(body.sha256)).decode()}:",
        }
        async with (
            body.limit,
            self._session.put(
                f"{self._url}/{name}",
                data=body.chunks(),
                headers=headers,
                # No limit on the whole: a lesson over a thin line may take an hour. aiohttp limits the silence after
                # the body only; a storage that stops reading is silent as well, hence the body's own limit.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
                allow_redirects=False,
            ) as answer,
        ):
            content = bytearray()
            async for piece in answer.content.iter_chunked(CHUNK):
                body.alive()
                content += piece
                if len(content) > MAX_ANSWER:
                    raise aiohttp.ClientPayloadError(f"an answer of more than {MAX_ANSWER >> 10} KiB")
            return answer.status, bytes(content)

    async def close(self) -> None:
        """The session belongs to the daemon."""


class _Body:
    """A file on its way: read in pieces at the pace, checked against what was recorded, within the silence limit."""

    def __init__(self, path: Path, size: int, sha256: str, pace: Pace, silence_sec: float) -> None:
        self.path, self.size, self.sha256 = path, size, sha256
        self.changed = False
        """Whether the file turned out to be another one than was recorded."""
        self._loop = asyncio.get_running_loop()
        self.limit = asyncio.timeout(silence_sec + 10.0)
        """Ends the request when nothing moves; to be entered by the task that waits for the answer."""
        self._pace, self._silence = pace, silence_sec

    def alive(self, wait_sec: float = 0.0) -> None:
        """Something moved; the next sign of life may take the silence limit and `wait_sec` more."""
        if not self.limit.expired():
            self.limit.reschedule(self._loop.time() + wait_sec + self._silence)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content. `OSError` when the file is shorter than it was."""
        digest, left = hashlib.sha256(), self.size
        file = await asyncio.to_thread(self.path.open, "rb")
        try:
            while left:
                chunk = await asyncio.to_thread(file.read, min(CHUNK, left))
                if not chunk:
                    self.changed = True
                    raise OSError(f"{self.path} is {left} bytes shorter than a moment ago")
                digest.update(chunk)
                left -= len(chunk)
                wait = self._pace.wait_for(len(chunk))
                self.alive(wait)
                await asyncio.sleep(wait)
                yield chunk
        finally:
            file.close()
        self.changed = digest.hexdigest() != self.sha256


def _verified(name: str, content: bytes, size: int, sha256: str) -> StoredFile:
    try:
        stored = StoredFile.model_validate_json(content)
    except ValidationError as error:
        raise StorageError(f"{name}: the storage's answer makes no sense: {content[:200]!r}") from error
    if stored.err_code != 0:
        raise StorageError(f"{name}: the storage refuses: {stored.err_code} {stored.err_msg}")
    if (stored.size, stored.sha256.lower()) != (size, sha256):
        raise StorageError(
            f"{name}: the storage holds {stored.size} bytes, {stored.sha256[:12]}…; that is not what was sent"
        )
    if not stored.file.startswith("/"):
        raise StorageError(f"{name}: the storage names no address that begins with /: {stored.file[:80]!r}")
    return stored
