"""Multipart uploads: parts that follow each other without a pause, and what earlier ones left behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from agent.storage.base import UPLOAD_NAME, StorageError
from agent.storage.body import FileBody
from agent.storage.s3.begun import Begun
from agent.storage.s3.sigv4 import UNSIGNED, sha256_of
from agent.storage.s3.wire import (
    Answer,
    S3Bucket,
    child,
    content_md5,
    good,
    md5_in,
    md5_of,
    parsed,
    tag_of,
    text_in,
)

PARTS_AT_ONCE = 4
"""Of one file, in memory: one whose bytes are on the line, two before it that wait for their answers, one behind it
that is summed. One more is read ahead."""
LEFT_OVER_SEC = 14 * 86400.0
"""An upload that began so long ago is nobody's any more: its file went another way, or its agent is gone."""
_NOT_TOGETHER = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "NoSuchUpload", "MalformedXML"}
"""What a storage says of parts that it will not put together however often it is asked."""


async def put_parts(
    bucket: S3Bucket, begun: Begun, key: str, body: FileBody, *, size: int, about: dict[str, str]
) -> None:
    """Bring the file in parts of `size` bytes; one that broke off goes on with the parts that are there. `about` are
    the headers of the whole.
    """
    found = await _unfinished(bucket, key, body)
    upload_id = found[-1] if found else begun.upload_of(key)
    there = await _parts_of(bucket, key, body, upload_id) if upload_id else None
    if there is None:
        answer = await bucket.ask("POST", key, body, {"uploads": ""}, headers=about)
        upload_id, there = text_in(good(key, answer), "UploadId"), {}
        if not upload_id:
            raise StorageError(f"{key}: the storage begins a multipart upload without an id")
        await begun.begin(key, upload_id)
    etags = await _Parts(bucket, key, body, upload_id, there).bring(size)
    if body.changed:
        await begun.end(key)
        await bucket.ask("DELETE", key, body, {"uploadId": upload_id})
        body.still_the_same()
    items = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{escape(etag)}&quot;</ETag></Part>"
        for number, etag in enumerate(etags, 1)
    )
    data = f"<CompleteMultipartUpload>{items}</CompleteMultipartUpload>".encode()
    # Putting together may take long: S3 answers 200 at once and, where it fails after all, says so in the body.
    answer = await bucket.ask("POST", key, body, {"uploadId": upload_id}, data=data, payload=sha256_of(data))
    code = text_in(answer.content, "Code")
    if code in _NOT_TOGETHER:
        await begun.end(key)
        await bucket.ask("DELETE", key, body, {"uploadId": upload_id})
    if text_in(good(key, answer), "Code"):
        raise StorageError(f"{key}: the storage does not put the parts together: {code}")
    await begun.end(key)
    for other in found:
        if other != upload_id:
            await bucket.ask("DELETE", key, body, {"uploadId": other})


async def sweep(bucket: S3Bucket, folder: str, body: FileBody, now: float) -> None:
    """Take back what was begun in this folder `LEFT_OVER_SEC` ago and more, and never finished: buckets bill for it."""
    for one in await _uploads(bucket, f"{folder}/" if folder else "", body):
        key, began = child(one, "Key"), child(one, "Initiated")
        if UPLOAD_NAME.fullmatch(PurePosixPath(key).name) is None:
            continue
        if now - _moment(began, now) >= LEFT_OVER_SEC:
            await bucket.ask("DELETE", key, body, {"uploadId": child(one, "UploadId")})


def _moment(text: str, unknown: float) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return unknown


@dataclass(frozen=True, slots=True)
class _Parts:
    """Those of one upload; `there` are the ones that the storage has, number to ETag."""

    bucket: S3Bucket
    key: str
    body: FileBody
    upload_id: str
    there: dict[int, str]
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def bring(self, size: int) -> list[str]:
        """All of them, and their ETags. The bytes of one at a time are on the line, so that a break costs little; while
        the storage digests it and answers, those of the next one follow.
        """
        free = asyncio.Semaphore(PARTS_AT_ONCE)
        parts: list[asyncio.Task[str]] = []
        line = asyncio.Event()
        line.set()
        try:
            while self.body.sent < self.body.size:
                await free.acquire()
                if any(part.done() and part.exception() for part in parts):
                    break
                data, sent = await self.body.take(size), asyncio.Event()
                part = asyncio.create_task(self._bring_one(len(parts) + 1, data, line, sent))
                part.add_done_callback(lambda _: free.release())
                parts.append(part)
                line = sent
            return list(await asyncio.gather(*parts))
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _bring_one(self, number: int, data: memoryview, line: asyncio.Event, sent: asyncio.Event) -> str:
        """Its ETag. `line` is set when it may go, `sent` when the next one may."""
        try:
            md5 = await asyncio.to_thread(md5_of, data)
            if self.there.get(number, "").lower() == md5:
                return self.there[number]
            await line.wait()
            signed = self.bucket.signs_content
            answer = await self._put(number, data, md5, sent)
            if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN) and not signed:
                self.bucket.signs_content = True
                answer = await self._put(number, data, md5, sent)
            good(self.key, answer)
            if md5_in(answer) not in ("", md5) and not await self._looks(number):
                raise StorageError(f"{self.key}: what the storage holds is not what was sent")
            return answer.headers.get("etag", "").strip('"')
        finally:
            sent.set()

    async def _looks(self, number: int) -> bool:
        """Whether the storage compares what it gets with Content-MD5, so that a part it took is undamaged whatever its
        ETag is: with keys of KMS that is no MD5. It is shown a byte that is another than Content-MD5 says.
        """
        async with self.looking:
            if self.bucket.looks is None:
                answer = await self._put(number, memoryview(b"?"), md5_of(b"!"), asyncio.Event())
                self.bucket.looks = text_in(answer.content, "Code") in ("BadDigest", "InvalidDigest")
            return self.bucket.looks

    async def _put(self, number: int, data: memoryview, md5: str, sent: asyncio.Event) -> Answer:
        # The signature covers the content by Content-MD5, which the ETag is compared with all the same: to sum it a
        # second time as SHA-256 costs as much as sending it. Where a storage wants that, it gets it.
        payload = await asyncio.to_thread(sha256_of, data) if self.bucket.signs_content else UNSIGNED
        query = {"partNumber": str(number), "uploadId": self.upload_id}
        return await self.bucket.ask(
            *("PUT", self.key, self.body, query),
            headers=content_md5(md5),
            data=data,
            payload=payload,
            on_sent=sent.set,
        )


async def _unfinished(bucket: S3Bucket, key: str, body: FileBody) -> list[str]:
    """The multipart uploads of this key that broke off, the last one last."""
    found = [one for one in await _uploads(bucket, key, body) if child(one, "Key") == key]
    return [child(one, "UploadId") for one in sorted(found, key=lambda one: child(one, "Initiated"))]


async def _uploads(bucket: S3Bucket, prefix: str, body: FileBody) -> list[ET.Element]:
    """All that were begun below a prefix, a thousand an answer. None for a key that may write and not list."""
    found: list[ET.Element] = []
    after: dict[str, str] = {}
    while True:
        answer = await bucket.ask("GET", "", body, {"uploads": "", "prefix": prefix, **after})
        if answer.status != HTTPStatus.OK:
            return found
        listed = parsed(answer.content)
        found += [one for one in listed.iter() if tag_of(one) == "Upload"]
        before, after = after, {"key-marker": child(listed, "NextKeyMarker")}
        if marker := child(listed, "NextUploadIdMarker"):
            after["upload-id-marker"] = marker
        if child(listed, "IsTruncated") != "true" or not after["key-marker"] or after == before:
            return found


async def _parts_of(bucket: S3Bucket, key: str, body: FileBody, upload_id: str) -> dict[int, str] | None:
    """The parts that an upload has (number to ETag, as it is told); None where the storage does not say."""
    there: dict[int, str] = {}
    after = "0"
    while True:
        answer = await bucket.ask("GET", key, body, {"uploadId": upload_id, "part-number-marker": after})
        if answer.status != HTTPStatus.OK:
            return None
        listed = parsed(answer.content)
        for one in listed.iter():
            if tag_of(one) == "Part" and child(one, "PartNumber").isdecimal():
                there[int(child(one, "PartNumber"))] = child(one, "ETag").strip('"')
        before, after = after, child(listed, "NextPartNumberMarker")
        if child(listed, "IsTruncated") != "true" or not after.isdecimal() or int(after) <= int(before):
            return there
