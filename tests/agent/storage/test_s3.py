"""What a bucket's errors mean to people, and a clock that is wrong. The storage answers from a script."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import math
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.clock import SystemClock
from agent.storage.base import StorageError
from agent.storage.pace import Pace
from agent.storage.s3.sigv4 import UNSIGNED, Credentials
from agent.storage.s3.storage import S3Storage
from agent.wire.models import StoredFile

NAME = f"{'0' * 32}_7_1800000000_5_11_1_60.mp4"
CONTENT = b"a lesson" * 100_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HOUR = 3600.0


def xml(code: str, **more: str) -> bytes:
    """An error of S3's."""
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in {"Code": code, "Message": "words", **more}.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><Error>{inner}</Error>'.encode()


class Bucket:
    """A storage with one object at most; before it takes it, `judge` may answer otherwise.

    `etag`: what it makes of content. `looks`: it compares Content-MD5. `meta`: how it calls metadata that came as
    x-amz-meta-, None where it keeps none. `lists`: what was begun, and not only the parts of it.
    `pair`: the first two parts are answered together.
    """

    def __init__(self) -> None:
        self.judge: Callable[[web.Request], web.Response | None] = lambda _: None
        self.held: tuple[bytes, str] | None = None
        self.parts: dict[int, bytes] = {}
        self.asked: list[str] = []
        self.taken = 0
        self.mute = False
        self.etag: Callable[[bytes], str] = lambda data: hashlib.md5(data).hexdigest()
        self.looks = True
        self.meta: str | None = "x-amz-meta-"
        self.lists = False
        self.pair: asyncio.Barrier | None = None
        self._begun = ""

    async def answer(self, request: web.Request) -> web.Response:
        data = await request.read()
        self.asked.append(request.method)
        if (found := self.judge(request)) is not None:
            return found
        told = base64.b64decode(request.headers.get("Content-MD5", ""))
        if self.looks and told and told != hashlib.md5(data).digest():
            return web.Response(status=400, body=xml("BadDigest"))
        if request.method in ("HEAD", "GET") and request.path.endswith(".mp4") and not request.query:
            if self.held is None:
                return web.Response(status=404)
            body, sha256 = self.held
            about = {"ETag": f'"{self.etag(body)}"'} | ({f"{self.meta}sha256": sha256} if self.meta else {})
            return web.Response(headers=about, body=body)
        if "uploads" in request.query:
            return self._uploads(request)
        if "partNumber" in request.query:
            self.taken += 1
            if self.pair is not None and request.query["partNumber"] in ("1", "2"):
                await self.pair.wait()
            self.parts[int(request.query["partNumber"])] = data
        elif request.method == "GET":
            return self._listed_parts()
        elif request.method == "DELETE":
            self.parts, self._begun = {}, ""
            return web.Response(status=204)
        elif request.method == "POST":
            wanted = re.findall("&quot;(.*?)&quot;", data.decode())
            assert wanted == [self.etag(self.parts[number]) for number in sorted(self.parts)]
            self.held = b"".join(self.parts[number] for number in sorted(self.parts)), SHA256
            return web.Response(body=b"   \n" + b"<Done/>")
        else:
            self.held = data, request.headers["x-amz-meta-sha256"]
            self.taken += 1
            if self.mute:
                await asyncio.Event().wait()
        return web.Response(headers={"ETag": f'"{self.etag(data)}"'})

    def _uploads(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            self._begun = f"one{len(self.asked)}"
            return web.Response(body=f"<A><UploadId>{self._begun}</UploadId></A>".encode())
        if not self.lists:
            return web.Response(status=501, body=xml("NotImplemented"))
        return web.Response(body=b"<A/>")

    def _listed_parts(self) -> web.Response:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{self.etag(data)}&quot;</ETag></Part>"
            for number, data in self.parts.items()
        )
        return web.Response(body=f"<A>{parts}</A>".encode())


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

        made: list[S3Storage] = []

        async def send(
            part: int = 8 << 20, now: Callable[[], float] = time.time, silence_sec: float = 60.0, *, again: bool = False
        ) -> StoredFile:
            """`again`: by the storage that was made before, as while the agent runs."""
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            if not again:
                storage = S3Storage(
                    *(session, url, Credentials("key", "secret"), Pace(0, SystemClock())),
                    bucket="b",
                    part=part,
                    now=now,
                    silence_sec=silence_sec,
                    begun=tmp_path / "begun.json",
                )
                made.append(storage)
            return await made[-1].put(path, NAME, SHA256)

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
        (
            403,
            xml("SecondLevelDomainForbidden"),
            "the storage wants the bucket in its name: storage.url = https://<bucket>.<host>, storage.bucket empty",
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


@pytest.mark.parametrize("part", [8 << 20, 100_000])
async def test_an_etag_that_is_no_md5_is_no_damage(bucket: Bucket, put: Put, part: int) -> None:
    """As with keys of KMS, of whatever header there is no trace."""
    bucket.pair = asyncio.Barrier(2) if part < len(CONTENT) else None
    bucket.etag = lambda data: hashlib.md5(b"sealed" + data).hexdigest()
    for _ in range(2):
        assert (await put(part)).size == len(CONTENT)
        assert bucket.held == (CONTENT, SHA256)
    assert bucket.asked.count("PUT") == (1 if part > len(CONTENT) else 8 + 1)


async def test_an_etag_of_a_part_that_nobody_compared_is_one(bucket: Bucket, put: Put) -> None:
    bucket.looks = False
    bucket.etag = lambda data: hashlib.md5(b"damaged" + data).hexdigest()
    with pytest.raises(StorageError, match="not what was sent"):
        await put(100_000)
    assert bucket.held is None
    bucket.etag = lambda data: hashlib.md5(data).hexdigest()
    await put(100_000)
    assert bucket.held == (CONTENT, SHA256)


@pytest.mark.parametrize("meta", ["x-oss-meta-", "x-cos-meta-", None])
@pytest.mark.parametrize("part", [8 << 20, 100_000])
async def test_metadata_by_another_name_or_none(bucket: Bucket, put: Put, meta: str | None, part: int) -> None:
    bucket.meta = meta
    for _ in range(2):
        assert (await put(part)).size == len(CONTENT)
    assert bucket.asked.count("PUT") == (1 if part > len(CONTENT) else 8)
    bucket.held = b"b" * len(CONTENT), hashlib.sha256(b"b" * len(CONTENT)).hexdigest()
    await put(part)
    assert bucket.held == (CONTENT, SHA256)


@pytest.mark.parametrize("part", [8 << 20, 100_000])
async def test_an_etag_in_capitals_is_one_and_given_back_as_it_came(bucket: Bucket, put: Put, part: int) -> None:
    bucket.etag = lambda data: hashlib.md5(data).hexdigest().upper()
    bucket.judge = lambda request: web.Response(status=500) if request.query.get("partNumber") == "6" else None
    if part < len(CONTENT):
        with pytest.raises(StorageError):
            await put(part)
    bucket.judge = lambda _: None
    await put(part)  # the agent is started anew, and this storage does not list what was begun
    assert bucket.held == (CONTENT, SHA256)
    assert bucket.taken <= 8 + 2, "what is there is not sent again"


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"x": 1}'])
async def test_a_list_of_what_was_begun_that_makes_no_sense(
    bucket: Bucket, put: Put, tmp_path: Path, kept: str
) -> None:
    (tmp_path / "begun.json").write_text(kept)
    await put(100_000)
    assert bucket.held == (CONTENT, SHA256)
    assert (tmp_path / "begun.json").read_text() == "{}"


async def test_who_may_not_list_may_write(bucket: Bucket, put: Put) -> None:
    """AWS says 403 of what is not there to whoever lacks s3:ListBucket."""

    def judge(request: web.Request) -> web.Response | None:
        if request.method in ("HEAD", "GET") and bucket.held is None:
            return web.Response(status=403, body=xml("AccessDenied"))
        return None

    bucket.judge = judge
    assert (await put()).size == len(CONTENT)
    assert bucket.held == (CONTENT, SHA256)


async def test_the_region_that_a_storage_names_is_signed_for(
    bucket: Bucket, put: Put, caplog: pytest.LogCaptureFixture
) -> None:
    refused = []

    def judge(request: web.Request) -> web.Response | None:
        if "/garage/s3/" in request.headers["Authorization"]:
            return None
        refused.append(request)
        return web.Response(status=400, body=xml("AuthorizationHeaderMalformed", Region="garage"))

    bucket.judge = judge
    with caplog.at_level(logging.WARNING):
        await put()
    assert len(refused) == 2, "to HEAD it cannot say why"
    assert bucket.held == (CONTENT, SHA256)
    assert "is in the region garage; storage.region says us-east-1" in caplog.text


@pytest.mark.parametrize("status", [200, 400])
async def test_parts_that_are_never_put_together_are_sent_anew(bucket: Bucket, put: Put, status: int) -> None:
    """An error behind the blanks of a 200, too."""

    def judge(request: web.Request) -> web.Response | None:
        if request.method == "POST" and "uploadId" in request.query:
            return web.Response(status=status, body=b"  \n" + xml("InvalidPart"))
        return None

    bucket.judge = judge
    with pytest.raises(StorageError, match="InvalidPart"):
        await put(100_000)
    assert bucket.parts == {}
    bucket.judge = lambda _: None
    await put(100_000, again=True)
    assert bucket.held == (CONTENT, SHA256)


@pytest.mark.parametrize(("days", "goes"), [(15.0, True), (13.9, False), (math.nan, False)])
async def test_all_that_was_begun_long_ago_is_listed_and_taken_back(
    bucket: Bucket, put: Put, days: float, goes: bool
) -> None:
    """A thousand an answer; this storage says two. What may still go on stays, and what nobody knows the age of."""
    bucket.lists = True
    gone = []
    began = "?" if math.isnan(days) else (datetime.now(UTC) - timedelta(days=days)).isoformat()

    def judge(request: web.Request) -> web.Response | None:
        if request.method == "DELETE":
            gone.append(request.query["uploadId"])
            return web.Response(status=204)
        if request.method != "GET" or "uploads" not in request.query or request.query["prefix"]:
            return None
        first = int(request.query.get("key-marker", "0"))
        items = "".join(
            f"<Upload><Key>{number:032x}_7_1_5_11_1_60.mp4</Key><UploadId>{number}</UploadId>"
            f"<Initiated>{began}</Initiated></Upload>"
            for number in (first, first + 1)
        )
        more = f"<IsTruncated>true</IsTruncated><NextKeyMarker>{first + 2}</NextKeyMarker>" if first < 4 else ""
        return web.Response(body=f"<A>{items}{more}</A>".encode())

    bucket.judge = judge
    await put(100_000)
    assert gone == [str(number) for number in range(6) if goes]
