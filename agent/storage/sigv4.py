"""AWS Signature Version 4, as every S3-compatible storage checks it. Plain functions; time comes in.

Source: "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)", Amazon S3 API Reference.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

EMPTY = hashlib.sha256(b"").hexdigest()
"""The payload hash of a request without a body."""
UNSIGNED = "UNSIGNED-PAYLOAD"
"""In place of a payload hash: the signature covers the headers alone."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Who asks: access key, secret key, and the region that the storage is, or says it is, in."""

    access_key: str
    secret_key: str
    region: str = "us-east-1"
    service: str = "s3"


def sha256_of(data: bytes | memoryview) -> str:
    """The payload hash of a request with this body."""
    return hashlib.sha256(data).hexdigest()


def canonical_path(path: str) -> str:
    """A path as it is signed and sent: every byte but unreserved characters and `/` as %XX, once."""
    return quote(path, safe="/-_.~")


def canonical_query(query: Mapping[str, str]) -> str:
    """A query as it is signed and sent: sorted, everything but unreserved characters as %XX."""
    pairs = sorted((quote(key, safe="-_.~"), quote(value, safe="-_.~")) for key, value in query.items())
    return "&".join(f"{key}={value}" for key, value in pairs)


def signed_headers(
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    payload_sha256: str,
    who: Credentials,
    now: float,
) -> dict[str, str]:
    """All headers of a request: the given ones (with `Host`) and those that sign them. `path` is not yet quoted."""
    moment = datetime.fromtimestamp(now, UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    sent = {**headers, "x-amz-content-sha256": payload_sha256, "x-amz-date": stamp}
    lowered = {key.lower(): " ".join(value.split()) for key, value in sent.items()}
    names = ";".join(sorted(lowered))
    request = "\n".join(
        [
            method,
            canonical_path(path),
            canonical_query(query),
            *(f"{key}:{lowered[key]}" for key in sorted(lowered)),
            "",
            names,
            payload_sha256,
        ]
    )
    scope = f"{day}/{who.region}/{who.service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{who.secret_key}".encode()
    for part in (day, who.region, who.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    sent["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={who.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return sent
