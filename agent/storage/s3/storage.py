"""Storage in a bucket of anything that speaks S3 (MinIO, Ceph, OSS, COS, AWS, SeaweedFS).

Up to `PART` bytes: one PUT, whose signature covers the content's SHA-256. Beyond: a multipart upload, each part with
its MD5; one that broke off goes on with the parts that are there.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path, PurePosixPath

import aiohttp

from agent.storage.base import UPLOAD_NAME, StorageError
from agent.storage.body import SILENCE_SEC, FileBody, opened
from agent.storage.pace import Pace
from agent.storage.s3.begun import Begun
from agent.storage.s3.parts import put_parts, sweep
from agent.storage.s3.sigv4 import Credentials
from agent.storage.s3.wire import S3Bucket, content_md5, good, md5_in, md5_of, refused, sha256_in
from agent.wire.models import StoredFile

PART = 8 << 20
"""Bytes of a part: what a break costs, three times at most. S3 takes 5 MiB or more, and 10,000 parts: 80 GB a file."""
_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}


class S3Storage:
    """`url` and `bucket` as `S3Bucket` has them.

    Objects lie at `<folder>/<name>`; the address that is reported is the path of the object's URL. `x-amz-meta-sha256`
    of each object is its checksum. `begun`: the file that keeps what was begun over restarts.
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
        begun: Path | None = None,
    ) -> None:
        self._session, self._pace, self._silence, self._part, self._now = session, pace, silence_sec, part, now
        self._bucket = S3Bucket(session, url, who, bucket=bucket, now=now)
        self._folder = folder.strip("/")
        self._swept = False
        self._begun = Begun(begun)

    async def put(self, path: Path, name: str, sha256: str) -> StoredFile:
        """See `base.Storage.put`."""
        if UPLOAD_NAME.fullmatch(name) is None:
            raise StorageError(f"{name!r} is not a name that is stored", retry=False)
        key = "/".join(one for one in (self._folder, name) if one)
        async with opened(path, sha256, self._pace, self._silence, self._part) as body:
            try:
                if not await self._there(key, body):
                    if body.size <= self._part:
                        await self._put_whole(key, body)
                    else:
                        about = _about(key, body)
                        await put_parts(self._bucket, self._begun, key, body, size=self._part, about=about)
                    body.still_the_same()
                    if not await self._there(key, body, sent=True):
                        raise StorageError(f"{name}: what the storage holds is not what was sent")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                body.still_the_same()
                raise StorageError(f"{name}: {type(error).__name__} {error}".rstrip(), down=True) from error
            if body.size > self._part and not self._swept:
                self._swept = True
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                    await sweep(self._bucket, self._folder, body, self._now())
            return StoredFile(file=f"{self._bucket.base}/{key}", size=body.size, sha256=sha256)

    async def delete(self, file: str) -> None:
        """See `base.Storage.delete`."""
        key = file.removeprefix(f"{self._bucket.base}/")
        try:
            async with asyncio.timeout(self._silence):
                answer = await self._bucket.ask("DELETE", key)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise StorageError(f"{key}: {type(error).__name__} {error}".rstrip(), down=True) from error
        if answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND):
            good(key, answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self._session.close()

    async def _there(self, key: str, body: FileBody, *, sent: bool = False) -> bool:
        """Whether exactly this content is there. Whoever may not list a bucket is refused where nothing is (403): that
        is no before it was `sent`, and an error then.
        """
        for _ in range(2):
            answer = await self._bucket.ask("HEAD", key, body)
            if answer.status == HTTPStatus.NOT_FOUND:
                return False
            if answer.status == HTTPStatus.OK:
                break
            # To HEAD nobody says why; it may be what this answer puts right: clock, region.
            why = await self._bucket.ask("GET", key, body, headers={"Range": "bytes=0-0"})
            if why.status == answer.status:
                if why.status == HTTPStatus.FORBIDDEN and not sent:
                    return False
                raise refused(key, why)
        else:
            raise refused(key, answer)
        size, sha256 = answer.headers.get("content-length"), sha256_in(answer)
        if size not in (str(body.size), None) or sha256 not in (body.sha256, None):
            return False
        # The two came with the content, which may have been damaged on its way to a server that does not look. Parts
        # were compared one by one; their object's ETag is another thing in every server, and with keys of one's own in
        # some servers it is never an MD5.
        told = md5_in(answer) if body.size <= self._part else ""
        if size and sha256 and not told:
            return True
        if told and told == await asyncio.to_thread(_md5_of_file, body.path):
            return True
        return await self._bucket.sha256_of(key, body) == body.sha256

    async def _put_whole(self, key: str, body: FileBody) -> None:
        data = await body.take(self._part)
        body.still_the_same()
        md5 = await asyncio.to_thread(md5_of, data)
        headers = {**_about(key, body), **content_md5(md5)}
        answer = await self._bucket.ask("PUT", key, body, headers=headers, data=data, payload=body.sha256)
        good(key, answer)


def _md5_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _about(key: str, body: FileBody) -> dict[str, str]:
    return {"Content-Type": _TYPES[PurePosixPath(key).suffix], "x-amz-meta-sha256": body.sha256}
