"""The shelf in a bucket of anything that speaks S3. The bucket stays private: what is asked of it passes this server,
or (`standalone.storage_redirect`) is sent on to an address that opens this one file for some hours.

Its client is the agents' own (`agent.storage.s3`): verified by size and checksum, in parts where it is large, and an
upload that broke off goes on with the parts that are there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from agent.clock import SystemClock
from agent.standalone.keys import ADMISSION_SECONDS
from agent.standalone.settings import SettingsError
from agent.standalone.shelf import TYPES, ShelfError
from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.storage.s3.sigv4 import EMPTY, Credentials, canonical_path, signed_address, signed_headers
from agent.storage.s3.storage import S3Storage

EXAMPLE = "s3+https://key:secret@s3.school.example/bucket/folder?region=us-east-1"
_SILENCE_SEC = 30.0
_CHUNK = 256 << 10
_PASSED = ("Content-Length", "Content-Range", "ETag", "Last-Modified")
_ASKED = ("Range", "If-Range", "If-None-Match", "If-Modified-Since")
_ANSWERS = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, or a folder in one, and who may use it."""

    endpoint: str
    name: str
    folder: str
    who: Credentials = field(repr=False)


def parse_bucket(url: str) -> Bucket:
    """The bucket that an address like `EXAMPLE` means; `SettingsError` where it means none."""
    parts = urlsplit(url)
    name, _, folder = parts.path.strip("/").partition("/")
    if parts.scheme not in ("s3+http", "s3+https") or not (
        parts.hostname and parts.username and parts.password and name
    ):
        raise SettingsError(f"storage: not the address of a bucket; one looks like {EXAMPLE}")
    region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
    place = parts.netloc.rpartition("@")[2]
    who = Credentials(unquote(parts.username), unquote(parts.password), region)
    return Bucket(f"{parts.scheme.removeprefix('s3+')}://{place}", name, folder.strip("/"), who)


class BucketShelf:
    """Files under the paths that they would have in the data folder."""

    def __init__(self, bucket: Bucket, *, redirect: bool = False) -> None:
        self._bucket = bucket
        self._redirect = redirect
        self._session: aiohttp.ClientSession | None = None

    @property
    def bucket(self) -> str:
        """See `Shelf`."""
        return urlsplit(self._bucket.endpoint).netloc + self._path("")

    async def open(self) -> None:
        """See `Shelf`."""
        self._session = aiohttp.ClientSession(auto_decompress=False)

    async def close(self) -> None:
        """See `Shelf`."""
        if self._session is not None:
            await self._session.close()

    async def keep(self, arrived: Path, relative: str, sha256: str) -> None:
        """See `Shelf`."""
        path = PurePosixPath(relative)
        try:
            await self._client(str(path.parent)).put(arrived, path.name, sha256)
        except StorageError as error:
            raise ShelfError(str(error)) from error

    async def size(self, relative: str) -> int:
        """See `Shelf`."""
        try:
            async with self._ask("HEAD", relative, {}) as answer:
                if answer.status == HTTPStatus.NOT_FOUND:
                    return -1
                if answer.status != HTTPStatus.OK:
                    raise ShelfError(f"{relative}: the storage answers {answer.status}")
                return int(answer.headers["Content-Length"])
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ShelfError(f"{relative}: {type(error).__name__} {error}".rstrip()) from error

    async def remove(self, relative: str) -> None:
        """See `Shelf`."""
        path = PurePosixPath(relative)
        client = self._client(str(path.parent))
        try:
            await client.delete(self._path(relative))
        except StorageError as error:
            raise ShelfError(str(error)) from error

    async def response(self, request: web.Request, relative: str, headers: dict[str, str]) -> web.StreamResponse:
        """See `Shelf`."""
        if self._redirect and request.method == "GET":
            raise web.HTTPFound(
                URL(self._address(relative, headers), encoded=True), headers={"Cache-Control": "private, no-store"}
            )
        asked = {name: request.headers[name] for name in _ASKED if name in request.headers}
        headers = {**headers, "Content-Type": TYPES[PurePosixPath(relative).suffix]}
        try:
            async with self._ask(request.method, relative, asked) as answer:
                if not _is_of_another(answer, asked.get("If-Range")):
                    return await _passed_on(request, answer, headers)
            del asked["Range"]
            async with self._ask(request.method, relative, asked) as answer:
                return await _passed_on(request, answer, headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise web.HTTPBadGateway(text=f"the storage cannot be reached: {type(error).__name__}") from error

    def _address(self, relative: str, headers: Mapping[str, str]) -> str:
        """Where the file itself is, with the headers that the answer shall have."""
        wanted = {"response-content-type": TYPES[PurePosixPath(relative).suffix]}
        if "Content-Disposition" in headers:
            wanted["response-content-disposition"] = headers["Content-Disposition"]
        return signed_address(
            self._bucket.endpoint,
            self._path(relative),
            wanted,
            seconds=ADMISSION_SECONDS,
            who=self._bucket.who,
            now=time.time(),
        )

    def _path(self, relative: str) -> str:
        return "/" + "/".join(filter(None, (self._bucket.name, self._bucket.folder, relative)))

    def _client(self, folder: str) -> S3Storage:
        assert self._session is not None
        place = "/".join(filter(None, (self._bucket.folder, folder)))
        pace = Pace(0.0, SystemClock())
        return S3Storage(
            self._session, self._bucket.endpoint, self._bucket.who, pace, bucket=self._bucket.name, folder=place
        )

    def _ask(self, method: str, relative: str, headers: dict[str, str]) -> aiohttp.client._RequestContextManager:
        assert self._session is not None
        path, host = self._path(relative), urlsplit(self._bucket.endpoint).netloc
        signed = signed_headers(
            method, path, {}, {**headers, "Host": host}, payload_sha256=EMPTY, who=self._bucket.who, now=time.time()
        )
        url = URL(self._bucket.endpoint + canonical_path(path), encoded=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=_SILENCE_SEC)
        return self._session.request(method, url, headers=signed, timeout=timeout, allow_redirects=False)


def _is_of_another(answer: aiohttp.ClientResponse, wanted: str | None) -> bool:
    """Whether a part is of another file than the caller has the rest of: not every storage looks at If-Range."""
    told = {answer.headers.get("ETag"), answer.headers.get("Last-Modified")}
    return answer.status == HTTPStatus.PARTIAL_CONTENT and wanted is not None and wanted not in told


async def _passed_on(
    request: web.Request, answer: aiohttp.ClientResponse, headers: dict[str, str]
) -> web.StreamResponse:
    if answer.status == HTTPStatus.NOT_FOUND:
        raise web.HTTPNotFound
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": answer.headers.get("Content-Range", "")})
    if answer.status not in _ANSWERS:
        raise web.HTTPBadGateway(text=f"the storage answers {answer.status}")
    passed = {name: answer.headers[name] for name in _PASSED if name in answer.headers}
    response = web.StreamResponse(status=answer.status, headers={**headers, **passed, "Accept-Ranges": "bytes"})
    await response.prepare(request)
    # What breaks off now can only be seen by its length: the connection ends without the rest.
    with suppress(ConnectionError):
        try:
            async for chunk in answer.content.iter_chunked(_CHUNK):
                await response.write(chunk)
            await response.write_eof()
        except (aiohttp.ClientError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
    return response
