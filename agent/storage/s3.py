"""Storage in a bucket of anything that speaks S3 (MinIO, Ceph, OSS, COS, AWS).

Up to `PART` bytes: one PUT, whose signature covers the content's SHA-256. Beyond: a multipart upload, each part with
its own; one that broke off goes on with the parts that are there.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from agent.link.failure import rest_wanted
from agent.storage.base import UPLOAD_NAME, StorageError, answered
from agent.storage.body import CHUNK, SILENCE_SEC, FileBody, opened
from agent.storage.http import bounded
from agent.storage.pace import Pace
from agent.storage.sigv4 import EMPTY, Credentials, canonical_path, canonical_query, signed_headers
from agent.wire.models import StoredFile

PART = 8 << 20
"""Bytes of a part: what a break costs at most. S3 takes 5 MiB or more, and 10,000 parts: 80 GB a file."""
PARTS_AT_ONCE = 2
"""Of one file, in memory: one on its way, one that waits for it."""
MAX_ANSWER = 4 << 20
"""Bytes; the list of 1000 parts is a tenth of it."""
_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}
_ETAG = re.compile(r'"?([0-9a-f]{32})"?')


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    content: bytes


class S3Storage:
    """`url` is the endpoint with `bucket` as first folder of the path, or, with `bucket` empty, the bucket's own
    address.

    Objects lie at `<folder>/<name>`; the address that is reported is the path of the object's URL. `x-amz-meta-sha256`
    of each object is its checksum.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        who: Credentials,
        pace: Pace,
        *,
        bucket: str = "",
        folder: str = "",
        silence_sec: float = SILENCE_SEC,
        part: int = PART,
        now: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        self._session, self._who, self._pace, self._silence = session, who, pace, silence_sec
        self._origin, self._host = f"{parts.scheme}://{parts.netloc}", parts.netloc
        self._base = "/".join(["", *(one for one in (parts.path.strip("/"), bucket) if one)])
        self._folder = folder.strip("/")
        self._part, self._now = part, now

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """See `base.Storage.put`."""
        if UPLOAD_NAME.fullmatch(name) is None:
            raise StorageError(f"{name!r} is not a name that is stored", retry=False)
        key = "/".join(one for one in (self._folder, name) if one)
        async with opened(path, sha256, self._pace, self._silence) as body:
            try:
                if not await self._there(key, body):
                    if body.size <= self._part:
                        await self._put_whole(key, body)
                    else:
                        await self._put_parts(key, body)
                    body.still_the_same()
                    if not await self._there(key, body):
                        raise StorageError(f"{name}: what the storage holds is not what was sent")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                body.still_the_same()
                raise StorageError(f"{name}: {type(error).__name__} {error}".rstrip(), down=True) from error
            return StoredFile(file=f"{self._base}/{key}", size=body.size, sha256=sha256)

    async def delete(self, file: str) -> None:
        """See `base.Storage.delete`."""
        key = file.removeprefix(f"{self._base}/")
        try:
            async with asyncio.timeout(self._silence):
                answer = await self._ask("DELETE", key)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise StorageError(f"{key}: {type(error).__name__} {error}".rstrip(), down=True) from error
        if answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND):
            self._good(key, answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self._session.close()

    async def _there(self, key: str, body: FileBody) -> bool:
        answer = await self._ask("HEAD", key, body)
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        self._good(key, answer)
        there = (answer.headers.get("content-length"), answer.headers.get("x-amz-meta-sha256"))
        if there != (str(body.size), body.sha256):
            return False
        # The two came with the content, which may have been damaged on its way to a server that does not look. Parts
        # were compared one by one; their object's ETag is another thing in every server.
        told = _md5_in(answer)
        return not told or body.size > self._part or told == await asyncio.to_thread(_md5_of, body.path)

    async def _put_whole(self, key: str, body: FileBody) -> None:
        data = await body.read(body.size)
        body.still_the_same()
        answer = await self._ask("PUT", key, body, headers=_about(key, body), data=data)
        self._good(key, answer)
        _undamaged(key, answer, await asyncio.to_thread(_md5, data))

    async def _put_parts(self, key: str, body: FileBody) -> None:
        upload_id, there = await self._unfinished(key, body)
        if not upload_id:
            answer = await self._ask("POST", key, body, {"uploads": ""}, headers=_about(key, body))
            upload_id = _text(self._good(key, answer), "UploadId")
            if not upload_id:
                raise StorageError(f"{key}: the storage begins a multipart upload without an id")
        etags = await self._bring_parts(key, body, upload_id, there)
        if body.changed:
            await self._ask("DELETE", key, body, {"uploadId": upload_id})
            body.still_the_same()
        items = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{escape(etag)}&quot;</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        data = f"<CompleteMultipartUpload>{items}</CompleteMultipartUpload>".encode()
        # Putting together may take long: S3 answers 200 at once and, where it fails after all, says so in the body.
        answer = await self._ask("POST", key, body, {"uploadId": upload_id}, data=data)
        if _text(self._good(key, answer), "Code"):
            raise StorageError(f"{key}: the storage does not put the parts together: {_text(answer.content, 'Code')}")

    async def _bring_parts(self, key: str, body: FileBody, upload_id: str, there: dict[int, str]) -> list[str]:
        """Every part, one at a time on the line, so that a break costs one; the next is read meanwhile. Their ETags."""
        free, line = asyncio.Semaphore(PARTS_AT_ONCE), asyncio.Lock()
        parts: list[asyncio.Task[str]] = []

        async def bring(number: int, data: bytes) -> str:
            try:
                md5 = await asyncio.to_thread(_md5, data)
                if there.get(number) == md5:
                    return md5
                query = {"partNumber": str(number), "uploadId": upload_id}
                async with line:
                    answer = await self._ask("PUT", key, body, query, data=data)
                self._good(key, answer)
                _undamaged(key, answer, md5)
                return answer.headers.get("etag", "").strip('"')
            finally:
                free.release()

        try:
            while body.sent < body.size:
                await free.acquire()
                if any(part.done() and part.exception() for part in parts):
                    break
                data = await body.read(min(self._part, body.size - body.sent))
                parts.append(asyncio.create_task(bring(len(parts) + 1, data)))
            return list(await asyncio.gather(*parts))
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _unfinished(self, key: str, body: FileBody) -> tuple[str, dict[int, str]]:
        """The multipart upload of this key that broke off last, and the parts it has (number to MD5)."""
        answer = await self._ask("GET", "", body, {"uploads": "", "prefix": key})
        if answer.status != HTTPStatus.OK:
            return "", {}  # a key that may write and not list: it begins anew
        found = [one for one in _parse(answer.content).iter() if _tag(one) == "Upload" and _child(one, "Key") == key]
        if not found:
            return "", {}
        upload_id = _child(max(found, key=lambda one: _child(one, "Initiated")), "UploadId")
        there: dict[int, str] = {}
        after = "0"
        while True:
            answer = await self._ask("GET", key, body, {"uploadId": upload_id, "part-number-marker": after})
            if answer.status != HTTPStatus.OK:
                return "", {}
            listed = _parse(answer.content)
            for one in listed.iter():
                match = _ETAG.fullmatch(_child(one, "ETag")) if _tag(one) == "Part" else None
                if match is not None and _child(one, "PartNumber").isdecimal():
                    there[int(_child(one, "PartNumber"))] = match[1]
            before, after = after, _child(listed, "NextPartNumberMarker")
            if _child(listed, "IsTruncated") != "true" or not after.isdecimal() or int(after) <= int(before):
                return upload_id, there

    # -- requests

    async def _ask(
        self,
        method: str,
        key: str,
        body: FileBody | None = None,
        query: dict[str, str] | None = None,
        *,
        headers: dict[str, str] | None = None,
        data: bytes = b"",
    ) -> _Answer:
        query = query or {}
        payload = (await asyncio.to_thread(hashlib.sha256, data)).hexdigest() if data else EMPTY
        path = f"{self._base}/{key}" if key else f"{self._base}/"
        signed = signed_headers(
            method,
            path,
            query,
            {**(headers or {}), "Host": self._host, "Content-Length": str(len(data))},
            payload_sha256=payload,
            who=self._who,
            now=self._now(),
        )
        url = f"{self._origin}{canonical_path(path)}" + (f"?{canonical_query(query)}" if query else "")
        async with (
            body.request() if body is not None else contextlib.nullcontext(),
            self._session.request(
                method,
                URL(url, encoded=True),
                headers=signed,
                data=_pieces(data, body) if body is not None and data else None,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
                allow_redirects=False,
            ) as answer,
        ):
            content = await bounded(answer, body, MAX_ANSWER)
            return _Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, content)

    @staticmethod
    def _good(key: str, answer: _Answer) -> bytes:
        if answer.status == HTTPStatus.OK:
            return answer.content
        code, message = _text(answer.content, "Code"), _text(answer.content, "Message")
        rest_sec = rest_wanted(answer.headers.get("retry-after"))
        raise StorageError(
            f"{key}: {answered(answer.status, f'{code} {message}')}",
            rest_sec=rest_sec,
            # What is wrong with key, bucket or clock is wrong with every file.
            down=answer.status != HTTPStatus.BAD_REQUEST,
        )


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _undamaged(key: str, answer: _Answer, md5: str) -> None:
    """The signature covers the content, but not every server looks: the ETag is its MD5, except with keys of KMS."""
    told = _md5_in(answer)
    if told and told != md5:
        raise StorageError(f"{key}: what the storage holds is not what was sent")


def _md5_in(answer: _Answer) -> str:
    """The MD5 of what the storage holds, as hex; empty where its ETag is none."""
    match = _ETAG.fullmatch(answer.headers.get("etag", ""))
    plain = answer.headers.get("x-amz-server-side-encryption", "AES256") == "AES256"
    return match[1] if match is not None and plain else ""


def _md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _about(key: str, body: FileBody) -> dict[str, str]:
    return {"Content-Type": _TYPES[PurePosixPath(key).suffix], "x-amz-meta-sha256": body.sha256}


async def _pieces(data: bytes, body: FileBody) -> AsyncIterator[memoryview]:
    """A part in memory, at the pace of all uploads."""
    view = memoryview(data)
    for begin in range(0, len(data), CHUNK):
        piece = view[begin : begin + CHUNK]
        await body.paced(len(piece))
        yield piece
    await asyncio.sleep(0)


def _parse(content: bytes) -> ET.Element:
    """An answer's XML; an empty element where it is none. Expat opens no external entity, and bounds internal ones."""
    try:
        return ET.fromstring(content)  # noqa: S314 - see above
    except ET.ParseError:
        return ET.Element("none")


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _child(element: ET.Element, name: str) -> str:
    return next((one.text or "" for one in element if _tag(one) == name), "")


def _text(content: bytes, name: str) -> str:
    return next((one.text or "" for one in _parse(content).iter() if _tag(one) == name), "")
