"""What a bucket's errors mean to people, and a clock that is wrong. The storage answers from a script."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.storage.s3 import S3Storage
from agent.storage.sigv4 import UNSIGNED, Credentials
from agent.wire.models import StoredFile

NAME = f"{'0' * 32}_7_1800000000_5_11_1_60.mp4"
CONTENT = b"a lesson" * 100_000
HOUR = 3600.0


def xml(code: str, **more: str) -> bytes:
    """An error of S3's."""
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in {"Code": code, "Message": "words", **more}.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><Error>{inner}</Error>'.encode()


class Bucket:
    """A storage with one object at most; before it takes it, `judge` may answer otherwise."""

    def __init__(self) -> None:
        self.judge: Callable[[web.Request], web.Response | None] = lambda _: None
        self.held: tuple[bytes, str] | None = None
        self.parts: dict[int, bytes] = {}
        self.taken = 0
        self.mute = False

    async def answer(self, request: web.Request) -> web.Response:
        data = await request.read()
        if (found := self.judge(request)) is not None:
            return found
        if request.method in ("HEAD", "GET") and request.path.endswith(".mp4") and not request.query:
            if self.held is None:
                return web.Response(status=404)
            body, sha256 = self.held
            return web.Response(headers={"Content-Length": str(len(body)), "x-amz-meta-sha256": sha256})
        if "uploads" in request.query:
            return web.Response(body=b"<A><UploadId>one</UploadId></A>" if request.method == "POST" else b"<A/>")
        if "partNumber" in request.query:
            self.parts[int(request.query["partNumber"])] = data
        elif request.method == "POST":
            self.held = (
                b"".join(self.parts[number] for number in sorted(self.parts)),
                hashlib.sha256(CONTENT).hexdigest(),
            )
            return web.Response(body=b"<Done/>")
        else:
            self.held = data, request.headers["x-amz-meta-sha256"]
            self.taken += 1
            if self.mute:
                await asyncio.Event().wait()
        return web.Response(headers={"ETag": f'"{hashlib.md5(data).hexdigest()}"'})


Put = Callable[..., Awaitable[StoredFile]]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
async def put(bucket: Bucket, tmp_path: Path) -> AsyncIterator[Put]:
    path = tmp_path / NAME
    path.write_bytes(CONTENT)
    async with contextlib.AsyncExitStack() as stack:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", bucket.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def send(
            part: int = 8 << 20, now: Callable[[], float] = time.time, silence_sec: float = 60.0
        ) -> StoredFile:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            storage = S3Storage(
                *(session, url, Credentials("key", "secret"), Pace(0, SystemClock())),
                bucket="b",
                part=part,
                now=now,
                silence_sec=silence_sec,
            )
            return await storage.put(path, NAME, hashlib.sha256(CONTENT).hexdigest())

        yield send


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, xml("SlowDown"), "the storage asks to be sent less at a time (503 SlowDown)"),
        (404, xml("NoSuchBucket"), "the storage has no such bucket (404 NoSuchBucket)"),
        (
            403,
            xml("RequestTimeTooSkewed"),
            "says that this machine's clock is wrong; set it (403 RequestTimeTooSkewed)",
        ),
        (403, xml("SignatureDoesNotMatch"), "the storage does not take this secret (403 SignatureDoesNotMatch)"),
        (403, xml("InvalidAccessKeyId"), "the storage does not know this access key (403 InvalidAccessKeyId)"),
        (
            400,
            xml("AuthorizationHeaderMalformed", Region="eu-west-1"),
            "is another region than storage.region says (400 AuthorizationHeaderMalformed eu-west-1)",
        ),
        (507, xml("XMinioStorageFull"), "the storage is full (507 XMinioStorageFull)"),
        (403, b"", "the storage refuses access (403)"),
    ],
)
async def test_an_error_says_what_to_do(
    bucket: Bucket, put: Put, method: str, status: int, body: bytes, said: str
) -> None:
    if method == "HEAD" and status == 404:
        method = "PUT"  # to HEAD it is a file that is not there
    bucket.judge = lambda request: web.Response(status=status, body=body) if request.method in (method, "GET") else None
    with pytest.raises(StorageError) as caught:
        await put()
    assert said in str(caught.value)
    assert caught.value.retry
    assert caught.value.down == (status != 400)
    bucket.judge = lambda _: None
    assert (await put()).size == len(CONTENT)


async def test_a_bucket_of_another_region_is_named(bucket: Bucket, put: Put) -> None:
    headers = {"x-amz-bucket-region": "cn-north-1"}
    bucket.judge = lambda _: web.Response(status=301, headers=headers)
    with pytest.raises(StorageError, match=r"another region; set .* to it \(301 cn-north-1\)"):
        await put()


@pytest.mark.parametrize("off_sec", [-HOUR, HOUR])
@pytest.mark.parametrize("part", [8 << 20, 500_000])
async def test_a_machine_whose_clock_is_wrong_signs_by_the_storages(
    bucket: Bucket, put: Put, caplog: pytest.LogCaptureFixture, off_sec: float, part: int
) -> None:
    refused = []

    def judge(request: web.Request) -> web.Response | None:
        signed = time.mktime(time.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")) - time.timezone
        if abs(signed - time.time()) < 900:
            return None
        refused.append(request)
        return web.Response(status=403, body=xml("RequestTimeTooSkewed"), headers={"Date": formatdate(usegmt=True)})

    bucket.judge = judge
    with caplog.at_level(logging.WARNING):
        assert (await put(part, lambda: time.time() + off_sec)).size == len(CONTENT)
    assert len(refused) == 1, "it asks once, and knows"
    assert bucket.held is not None
    assert bucket.held[0] == CONTENT
    (said,) = [record.getMessage() for record in caplog.records if record.name.startswith("agent")]
    assert re.search(rf"3(600|601|599) s {'behind' if off_sec < 0 else 'ahead of'} that of the storage", said)
    assert "gather-agent doctor" in said


async def test_a_storage_that_wants_the_content_signed_gets_it(bucket: Bucket, put: Put) -> None:
    unsigned = []

    def judge(request: web.Request) -> web.Response | None:
        if request.headers["x-amz-content-sha256"] != UNSIGNED:
            return None
        unsigned.append(request.query["partNumber"])
        return web.Response(status=400, body=xml("InvalidRequest"))

    bucket.judge = judge
    assert (await put(100_000)).size == len(CONTENT)
    assert bucket.held is not None
    assert bucket.held[0] == CONTENT
    assert len(unsigned) <= 3, "no more than were on their way"


async def test_a_storage_that_answers_too_late_has_the_file_all_the_same(bucket: Bucket, put: Put) -> None:
    bucket.mute = True
    with pytest.raises(StorageError, match="TimeoutError") as caught:
        await put(silence_sec=0.5)
    assert caught.value.down
    bucket.mute = False
    assert (await put()).size == len(CONTENT)
    assert bucket.taken == 1, "not sent again"
