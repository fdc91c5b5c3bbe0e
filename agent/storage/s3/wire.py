"""S3's requests and answers: signed, within the silence limit, and what an error means in words."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import aiohttp
from yarl import URL

from agent.link.failure import rest_wanted
from agent.storage.base import StorageError, answered
from agent.storage.body import CHUNK, FileBody
from agent.storage.http import bounded
from agent.storage.read_back import AS_IT_IS, WAITING, sha256_of, told_size
from agent.storage.s3.sigv4 import EMPTY, Credentials, canonical_path, canonical_query, signed_headers

log = logging.getLogger(__name__)

MAX_ANSWER = 4 << 20
"""Bytes; the list of 1000 parts is a tenth of it."""
SKEW_SEC = 300.0
"""A refusal by a storage whose clock differs more than this is taken for the clock's fault: S3 allows 15 minutes."""
_ETAG = re.compile(r'"?([0-9A-Fa-f]{32})"?')
_REGION = re.compile(r"[0-9A-Za-z-]{1,64}")
_META = re.compile(r"x-[a-z]+-meta-sha256")
"""`x-amz-` is how it was sent; OSS, COS and OBS may call it theirs."""
_BUCKET_IN_HOST = "wants the bucket in its name: storage.url = https://<bucket>.<host>, storage.bucket empty"
_CODES = {
    "NoSuchBucket": "has no such bucket",
    "SlowDown": "asks to be sent less at a time",
    "RequestTimeTooSkewed": "says that this machine's clock is wrong; set it",
    "PermanentRedirect": "has this bucket in another region; set storage.url and storage.region to it",
    "SecondLevelDomainForbidden": _BUCKET_IN_HOST,
    "PathStyleDomainForbidden": _BUCKET_IN_HOST,
    "AuthorizationHeaderMalformed": "is another region than storage.region says",
    "InvalidAccessKeyId": "does not know this access key",
    "SignatureDoesNotMatch": "does not take this secret",
    "BadDigest": "got other bytes than were sent",
    "XAmzContentSHA256Mismatch": "got other bytes than were sent",
    "QuotaExceeded": "is full",
    "XMinioStorageFull": "is full",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, headers in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    data: bytes | memoryview
    payload: str
    on_sent: Callable[[], None]


class S3Bucket:
    """`url` is the endpoint with `bucket` as first folder of the path, or, with `bucket` empty, the bucket's own
    address (virtual-hosted style, which OSS and COS want); `base` is its path.

    A machine whose clock is wrong still records lessons: requests are signed by the storage's clock where it is told
    (Date) and refuses ours. So they are for the region that the storage says it is.
    """

    def __init__(
        self, session: aiohttp.ClientSession, url: str, who: Credentials, *, bucket: str, now: Callable[[], float]
    ) -> None:
        parts = urlsplit(url)
        self.base = "/".join(["", *(one for one in (parts.path.strip("/"), bucket) if one)])
        self._session, self._who, self._now = session, who, now
        self._origin, self._host = f"{parts.scheme}://{parts.netloc}", parts.netloc
        self._ahead_sec = 0.0
        self.looks: bool | None = None
        """Whether this storage compares what it gets with Content-MD5; None while that is not known."""
        self.signs_content = False
        """Whether this storage wants the content's SHA-256 signed where Content-MD5 would do."""

    async def ask(
        self,
        method: str,
        key: str,
        body: FileBody | None = None,
        query: dict[str, str] | None = None,
        *,
        headers: dict[str, str] | None = None,
        data: bytes | memoryview = b"",
        payload: str = EMPTY,
        on_sent: Callable[[], None] = lambda: None,
    ) -> Answer:
        """The answer to a signed request; once more with the storage's time where it refuses ours. `payload` is the
        SHA-256 of `data`, or `UNSIGNED`; `on_sent` is called when the last byte of `data` has been handed on. Raises
        `aiohttp.ClientError`, `OSError`, `TimeoutError`.
        """
        request = _Request(method, f"{self.base}/{key}", query or {}, headers or {}, data, payload, on_sent)
        answer = await self._once(request, body)
        if (answer.status == HTTPStatus.FORBIDDEN and self._was_late(answer)) or self._is_elsewhere(answer):
            answer = await self._once(request, body)
        return answer

    async def sha256_of(self, key: str, body: FileBody) -> str:
        """That of an object, read back; empty where it is longer than the file, or not to be had. Errors as `ask`."""
        request = _Request("GET", f"{self.base}/{key}", {}, {}, b"", EMPTY, lambda: None)
        async with body.request(), self._sent(request, body) as answer:
            same = answer.status == HTTPStatus.OK and told_size(answer, body)
            found = await sha256_of(answer, body) if same else ""
            answer.close()
            return found

    def _is_elsewhere(self, answer: Answer) -> bool:
        """Whether the storage names another region than was signed for; sign for that from now on."""
        if answer.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN):
            return False
        region = answer.headers.get("x-amz-bucket-region") or text_in(answer.content, "Region")
        if not _REGION.fullmatch(region) or region == self._who.region:
            return False
        log.warning("%s is in the region %s; storage.region says %s", self._host, region, self._who.region)
        self._who = replace(self._who, region=region)
        return True

    def _was_late(self, answer: Answer) -> bool:
        """Whether the storage's clock is so far from what was signed; sign by it from now on."""
        try:
            there = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except ValueError:
            return False
        ahead_sec = there - self._now()
        if abs(ahead_sec - self._ahead_sec) < SKEW_SEC:
            return False
        self._ahead_sec = ahead_sec
        log.warning(
            "this machine's clock is %.0f s %s that of the storage %s; what is sent is signed with the storage's time. "
            "Set the clock (timedatectl; gather-agent doctor)",
            abs(ahead_sec),
            "behind" if ahead_sec > 0 else "ahead of",
            self._host,
        )
        return True

    async def _once(self, request: _Request, body: FileBody | None) -> Answer:
        async with (
            body.request() if body is not None else contextlib.nullcontext(),
            self._sent(request, body) as answer,
        ):
            content = await bounded(answer, body, MAX_ANSWER)
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, content)

    def _sent(self, request: _Request, body: FileBody | None) -> aiohttp.client._RequestContextManager:
        signed = signed_headers(
            request.method,
            request.path,
            request.query,
            {**request.headers, "Host": self._host, "Content-Length": str(len(request.data))},
            payload_sha256=request.payload,
            who=self._who,
            now=self._now() + self._ahead_sec,
        )
        url = f"{self._origin}{canonical_path(request.path)}"
        if request.query:
            url += f"?{canonical_query(request.query)}"
        return self._session.request(
            request.method,
            URL(url, encoded=True),
            headers={**signed, **AS_IT_IS},
            data=_pieces(request, body) if body is not None and request.data else None,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
            allow_redirects=False,
            read_bufsize=WAITING,
        )


async def _pieces(request: _Request, body: FileBody) -> AsyncIterator[memoryview]:
    """Something in memory, at the pace of all uploads."""
    view = memoryview(request.data)
    for begin in range(0, len(view), CHUNK):
        piece = view[begin : begin + CHUNK]
        await body.paced(len(piece))
        yield piece
    request.on_sent()
    await asyncio.sleep(0)


def good(key: str, answer: Answer) -> bytes:
    """The content of an answer that says yes. Raises `StorageError` for any other."""
    if answer.status == HTTPStatus.OK:
        return answer.content
    raise refused(key, answer)


def refused(key: str, answer: Answer) -> StorageError:
    """What an answer that says no means."""
    code, message = text_in(answer.content, "Code"), text_in(answer.content, "Message")
    region = answer.headers.get("x-amz-bucket-region") or text_in(answer.content, "Region")
    words = _CODES.get(code) or (answer.status == HTTPStatus.MOVED_PERMANENTLY and _CODES["PermanentRedirect"])
    if words:
        told = f"the storage {words} ({' '.join(filter(None, (str(answer.status), code, region)))})"
    else:
        told = answered(answer.status, f"{code} {message}")
    return StorageError(
        f"{key}: {told}",
        rest_sec=rest_wanted(answer.headers.get("retry-after")),
        # What is wrong with key, bucket or clock is wrong with every file.
        down=answer.status != HTTPStatus.BAD_REQUEST,
    )


def md5_of(data: bytes | memoryview) -> str:
    """As hex."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def content_md5(md5: str) -> dict[str, str]:
    """The header by which a storage compares what it got (RFC 1864)."""
    return {"Content-MD5": base64.b64encode(bytes.fromhex(md5)).decode()}


def md5_in(answer: Answer) -> str:
    """The MD5 of what the storage holds, as hex; empty where its ETag is none."""
    match = _ETAG.fullmatch(answer.headers.get("etag", ""))
    plain = answer.headers.get("x-amz-server-side-encryption", "AES256") == "AES256"
    return match[1].lower() if match is not None and plain else ""


def sha256_in(answer: Answer) -> str | None:
    """The checksum that was stored beside an object; None where the storage keeps no such thing."""
    return next((value for name, value in answer.headers.items() if _META.fullmatch(name)), None)


def parsed(content: bytes) -> ET.Element:
    """An answer's XML; an empty element where it is none. Expat opens no external entity, and bounds internal ones.

    A storage that takes long to put parts together sends blanks meanwhile.
    """
    try:
        return ET.fromstring(content.strip())  # noqa: S314 - see above
    except ET.ParseError:
        return ET.Element("none")


def tag_of(element: ET.Element) -> str:
    """Without its namespace."""
    return element.tag.rpartition("}")[2]


def child(element: ET.Element, name: str) -> str:
    """The text of the child of this name, or empty."""
    return next((one.text or "" for one in element if tag_of(one) == name), "")


def text_in(content: bytes, name: str) -> str:
    """The text of the first element of this name in an answer, or empty."""
    return next((one.text or "" for one in parsed(content).iter() if tag_of(one) == name), "")
