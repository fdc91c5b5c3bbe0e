"""Storage over HTTP: `PUT <url>/<name>` with a content digest (RFC 9530), answered with what the server read back.

That is held against what was recorded, and so nothing is summed here: only where the two differ is the file on disk
looked at again, to tell one that has changed from one that came to harm on its way.

A large file that broke off goes on where it stopped, where the server keeps what it got (`docs/protocol.md`, part 6).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
from pydantic import ValidationError

from agent.link.failure import no_connection, rest_wanted
from agent.storage.base import StorageError, answered
from agent.storage.body import SILENCE_SEC, FileBody, opened
from agent.storage.pace import Pace
from agent.wire.models import StoredFile

MAX_ANSWER = 64 << 10
RESUMED_FROM = 4 << 20
"""Bytes. A smaller file is sent anew sooner than asked for."""
GOES_ON = 4
"""So many times a storage may say that it holds more by now, before it gets the whole file."""
_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}
_NOT_RESUMED = {
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.NOT_IMPLEMENTED,
}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: bytes
    rest_sec: float


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
        held = 0
        for _ in range(GOES_ON):
            async with opened(path, sha256, self._pace, self._silence, summed=False) as body:
                before, held = held, await self._held(name, body) if body.size >= RESUMED_FROM else 0
                if held <= before:
                    break
                answer = await self._send(name, body, held)
            if answer.status not in _NOT_RESUMED:
                return await _stored(name, body, answer)
            if answer.status != HTTPStatus.CONFLICT:
                break
            # It may have got more meanwhile: what was still on its way when the line broke.
        async with opened(path, sha256, self._pace, self._silence, summed=False) as body:
            return await _stored(name, body, await self._send(name, body, 0))

    async def _held(self, name: str, body: FileBody) -> int:
        """Bytes that the server has of this very file from an upload that broke off; 0 when it has none or says none.

        RFC 9530's Repr-Digest in the request says which file; `Upload-Offset` is that of the resumable-upload draft of
        the IETF.
        """
        headers = {"Authorization": f"Bearer {self._token()}", "Repr-Digest": _digest(body.sha256)}
        try:
            async with (
                asyncio.timeout(self._silence),
                self._session.head(f"{self._url}/{name}", headers=headers, allow_redirects=False) as answer,
            ):
                told = answer.headers.get("Upload-Offset", "") if answer.status == HTTPStatus.NOT_FOUND else ""
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(name, error) from error
        return min(int(told), body.size) if told.isdecimal() and len(told) < 16 else 0

    async def _send(self, name: str, body: FileBody, held: int) -> _Answer:
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": _TYPES[body.path.suffix],
            "Content-Length": str(body.size - held),
        }
        if held:
            headers |= {
                "Repr-Digest": _digest(body.sha256),
                "Upload-Offset": str(held),
                "Upload-Length": str(body.size),
            }
        else:
            headers["Content-Digest"] = _digest(body.sha256)
        try:
            await body.skip(held)
            async with (
                body.request(),
                self._session.request(
                    "PATCH" if held else "PUT",
                    f"{self._url}/{name}",
                    data=body.chunks(),
                    headers=headers,
                    # No limit on the whole: a lesson over a thin line may take an hour. aiohttp limits the silence
                    # after the body only; a storage that stops reading is silent as well, hence the body's own limit.
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
                    allow_redirects=False,
                ) as answer,
            ):
                content = await bounded(answer, body)
                return _Answer(answer.status, content, rest_wanted(answer.headers.get("Retry-After")))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            body.still_the_same()
            raise _unreachable(name, error) from error

    async def delete(self, file: str) -> None:
        """See `base.Storage.delete`. A file that the server has a record of is refused."""
        name = file.rpartition("/")[2]
        headers = {"Authorization": f"Bearer {self._token()}"}
        try:
            async with (
                asyncio.timeout(self._silence),
                self._session.delete(f"{self._url}/{name}", headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(name, error) from error
        if status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND):
            raise StorageError(f"{name}: {answered(status)}")

    async def close(self) -> None:
        """The session belongs to the daemon."""


async def bounded(answer: aiohttp.ClientResponse, body: FileBody | None, most: int = MAX_ANSWER) -> bytes:
    """An answer's content; more than `most` bytes are an error of the connection."""
    content = bytearray()
    async for piece in answer.content.iter_chunked(most):
        if body is not None:
            body.alive()
        content += piece
        if len(content) > most:
            raise aiohttp.ClientPayloadError(f"an answer of more than {most >> 10} KiB")
    return bytes(content)


def _digest(sha256: str) -> str:
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def _unreachable(name: str, error: BaseException) -> StorageError:
    return StorageError(f"{name}: {no_connection('the storage', error)}", down=True)


async def _stored(name: str, body: FileBody, answer: _Answer) -> StoredFile:
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        await body.look_again()
    if answer.status != HTTPStatus.OK:
        raise StorageError(
            f"{name}: {answered(answer.status, answer.content[:200].decode(errors='replace'))}",
            retry=answer.status not in (HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST),
            rest_sec=answer.rest_sec,
            down=answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.rest_sec > 0,
        )
    try:
        stored = StoredFile.model_validate_json(answer.content)
    except ValidationError as error:
        raise StorageError(f"{name}: the storage's answer makes no sense: {answer.content[:200]!r}") from error
    if stored.err_code != 0:
        raise StorageError(f"{name}: the storage refuses: {stored.err_code} {stored.err_msg}")
    if (stored.size, stored.sha256.lower()) != (body.size, body.sha256):
        await body.look_again()
        raise StorageError(
            f"{name}: the storage holds {stored.size} bytes, {stored.sha256[:12]}…; that is not what was sent"
        )
    if not stored.file.startswith("/"):
        raise StorageError(f"{name}: the storage names no address that begins with /: {stored.file[:80]!r}")
    return stored
