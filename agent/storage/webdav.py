"""Storage in a WebDAV folder (RFC 4918): nginx, Apache, Nextcloud, a NAS.

WebDAV knows no checksum, so what was written is read back, except where the storage tells the SHA-256 of what it got
and wrote: Nextcloud does when it is asked (X-Hash). Its OC-Checksum proves nothing, being what the client claimed. A
file is written under another name and moved to its own when it is whole: nobody sees half a file. While one file is
read back, the next one is sent.

A password goes as the storage asks for it at the first request: Digest (RFC 7616) where that is offered, Basic
otherwise.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from agent.link.failure import rest_wanted
from agent.storage.base import UPLOAD_NAME, StorageError, answered
from agent.storage.body import SILENCE_SEC, FileBody, opened
from agent.storage.http import bounded
from agent.storage.pace import Pace
from agent.storage.read_back import AS_IT_IS, WAITING, sha256_of, told_size
from agent.storage.turns import Turns
from agent.wire.models import StoredFile

_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}
_TAKES_TURNS = 4 << 20  # bytes; of a smaller file (a picture) sending and reading back is over at once
_WRITTEN = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}
_NOT_MOVED = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.CONFLICT,
    HTTPStatus.NOT_IMPLEMENTED,
    HTTPStatus.BAD_GATEWAY,
}


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer: `location` is where else it sends to, `sha256` that of what was written, where it says so."""

    status: int
    rest_sec: float = 0.0
    location: str = ""
    sha256: str = ""

    @classmethod
    def of(cls, answer: aiohttp.ClientResponse) -> _Said:
        """What counts of it."""
        headers = answer.headers
        return cls(
            answer.status,
            rest_wanted(headers.get("Retry-After")),
            headers.get("Location", ""),
            headers.get("X-Hash-SHA256", "").lower(),
        )


class DavStorage:
    """Files lie at `<url>/<name>`; the address that is reported is the path of that URL."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        pace: Pace,
        *,
        user: str = "",
        password: str = "",
        silence_sec: float = SILENCE_SEC,
    ) -> None:
        self._session, self._url = session, str(URL(url)).rstrip("/")
        self._path = urlsplit(url).path.rstrip("/")
        self._furnished = False
        self._moves, self._has_moved = True, False
        self._destinations = [self._url, URL(self._url).raw_path]
        if self._url.startswith("https://"):
            self._destinations.append(f"http://{self._url.removeprefix('https://')}")
        self._user, self._password = user, password
        self._headers: dict[str, str] = {}
        self._digest: tuple[aiohttp.DigestAuthMiddleware, ...] = ()
        self._asked_how = not user
        self._pace, self._silence = pace, silence_sec
        self._turns, self._sums = Turns(), False

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """See `base.Storage.put`."""
        if UPLOAD_NAME.fullmatch(name) is None:
            raise StorageError(f"{name!r} is not a name that is stored", retry=False)
        moved = self._moves
        try:
            return await self._put(path, name, sha256)
        except StorageError:
            if self._moves == moved:
                raise
            return await self._put(path, name, sha256)

    async def _put(self, path: Path, name: str, sha256: str) -> StoredFile:
        async with opened(path, sha256, self._pace, self._silence, summed=False) as body:
            try:
                if not await self._holds(name, body):
                    await self._write(name, body)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                body.still_the_same()
                raise StorageError(f"{name}: {type(error).__name__} {error}".rstrip(), down=True) from error
            return StoredFile(file=f"{self._path}/{name}", size=body.size, sha256=sha256)

    async def delete(self, file: str) -> None:
        """See `base.Storage.delete`."""
        name = file.rpartition("/")[2]
        try:
            async with asyncio.timeout(self._silence):
                await self._ask_how(name)
                async with self._request("DELETE", f"{self._url}/{name}", {}) as answer:
                    said = _Said.of(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise StorageError(f"{name}: {type(error).__name__} {error}".rstrip(), down=True) from error
        if said.status != HTTPStatus.NOT_FOUND:
            self._good(name, "DELETE", said)

    async def close(self) -> None:
        """Let go of connections."""
        await self._session.close()

    async def _write(self, name: str, body: FileBody) -> None:
        arriving = f"arriving-{name}" if self._moves else name
        if not self._furnished:
            await self._make_folders(body)
        headers = {
            "Content-Type": _TYPES[body.path.suffix],
            "Content-Length": str(body.size),
            "X-Hash": "sha256",
        }
        takes_turns = body.size >= _TAKES_TURNS and not self._sums
        async with self._turns.sending() if takes_turns else contextlib.nullcontext():
            await self._fresh_nonce(arriving, body)
            said = await self._ask("PUT", arriving, body, headers, data=True)
        self._furnished = said.status in _WRITTEN
        self._good(name, "PUT", said)
        same, self._sums = said.sha256 == body.sha256, bool(said.sha256)
        if not self._sums:
            with self._turns.reading_back() if takes_turns else contextlib.nullcontext():
                same = await self._holds(arriving, body)
        if not same:
            await self._ask("DELETE", arriving, body, {})
            await body.look_again()
            raise StorageError(f"{name}: what the storage holds is not what was sent")
        if self._moves:
            await self._move(name, arriving, body)

    async def _move(self, name: str, arriving: str, body: FileBody) -> None:
        """To its own name. A server behind a proxy that ends TLS does not know the address that it is asked by (nginx
        says 400, Apache and WsgiDAV 502): RFC 4918 allows the path alone, Apache wants the address without the s. One
        that moves nothing at all gets files under their own names from now on.
        """
        while True:
            to = self._destinations[0]
            headers = {"Destination": f"{to}/{name}", "Overwrite": "T"}
            said = await self._ask("MOVE", arriving, body, headers)
            if said.status not in _NOT_MOVED or self._has_moved:
                break
            if self._destinations == [to]:
                self._moves = False
                await self._ask("DELETE", arriving, body, {})
                break
            if self._destinations[0] == to:  # else another file has found it out
                del self._destinations[0]
        self._good(name, "MOVE", said)
        self._has_moved = True

    async def _make_folders(self, body: FileBody) -> None:
        """The whole way to the folder, whatever is answered: what stands already is refused with 405, 403 or else."""
        parts = urlsplit(self._url)
        folders = parts.path.strip("/").split("/")
        for depth in range(1, len(folders) + 1):
            url = f"{parts.scheme}://{parts.netloc}/{'/'.join(folders[:depth])}/"
            async with body.request(), self._request("MKCOL", url, {}) as answer:
                await bounded(answer, body)

    async def _holds(self, name: str, body: FileBody) -> bool:
        """Whether exactly this content is there: its size first, then every byte read back."""
        async with body.request():
            await self._ask_how(name)
        async with body.request(), self._request("GET", f"{self._url}/{name}", {}) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                return False
            self._good(name, "GET", _Said.of(answer))
            same = told_size(answer, body) and await sha256_of(answer, body) == body.sha256
            if not same:
                answer.close()  # who knows how much would follow
            return same

    async def _ask_how(self, name: str) -> None:
        """Once: how the storage wants the password; Basic (RFC 7617, in UTF-8) where it lets anybody look."""
        if self._asked_how:
            return
        # HEAD would do, but some answer that with a page as well.
        async with self._request("GET", f"{self._url}/{name}", {"Range": "bytes=0-0"}) as answer:
            wanted = " ".join(answer.headers.getall("WWW-Authenticate", [])).lower()
        if answer.status == HTTPStatus.UNAUTHORIZED and "digest " in wanted:
            self._digest = (aiohttp.DigestAuthMiddleware(self._user, self._password),)
        else:
            login = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {login}"
        self._asked_how = True

    async def _fresh_nonce(self, name: str, body: FileBody) -> None:
        """A server takes a nonce for some minutes (Apache: five), and the turn may have been long in coming. An upload
        that is refused for it cannot be repeated: its bytes are gone.
        """
        if self._digest:
            async with body.request(), self._request("GET", f"{self._url}/{name}", {"Range": "bytes=0-0"}) as answer:
                answer.close()

    async def _ask(
        self, method: str, name: str, body: FileBody, headers: dict[str, str], *, data: bool = False
    ) -> _Said:
        async with (
            body.request(),
            self._request(method, f"{self._url}/{name}", headers, body if data else None) as answer,
        ):
            await bounded(answer, body)
            return _Said.of(answer)

    def _request(
        self, method: str, url: str, headers: dict[str, str], body: FileBody | None = None
    ) -> aiohttp.client._RequestContextManager:
        return self._session.request(
            method,
            url,
            headers={**AS_IT_IS, **headers, **self._headers},
            data=None if body is None else body.chunks(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
            allow_redirects=False,
            read_bufsize=WAITING,
            middlewares=self._digest,
        )

    @staticmethod
    def _good(name: str, method: str, said: _Said) -> None:
        if said.status not in _WRITTEN:
            # These are the file's own trouble.
            down = said.status not in (HTTPStatus.LOCKED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            detail = f"{method} {said.location}".rstrip()
            raise StorageError(f"{name}: {answered(said.status, detail)}", rest_sec=said.rest_sec, down=down)
