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
    stamp = _stamp(now)
    sent = {**headers, "x-amz-content-sha256": payload_sha256, "x-amz-date": stamp}
    signed = {key.lower(): " ".join(value.split()) for key, value in sent.items()}
    signature = _signature(_canonical(method, path, query, signed, payload_sha256), who, stamp)
    sent["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={who.access_key}/{_scope(who, stamp)}, "
        f"SignedHeaders={_names(signed)}, Signature={signature}"
    )
    return sent


def signed_address(
    endpoint: str, path: str, query: Mapping[str, str], *, seconds: int, who: Credentials, now: float
) -> str:
    """An address that opens one file to whoever has it, for so long ("Authenticating Requests: Using Query
    Parameters"). `endpoint` is `scheme://host`; `path` is not yet quoted; `query` says what the answer's headers are.
    """
    stamp = _stamp(now)
    signed = {"host": endpoint.partition("://")[2]}
    whole = {
        **query,
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{who.access_key}/{_scope(who, stamp)}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": _names(signed),
    }
    signature = _signature(_canonical("GET", path, whole, signed, UNSIGNED), who, stamp)
    return f"{endpoint}{canonical_path(path)}?{canonical_query(whole)}&X-Amz-Signature={signature}"


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")


def _scope(who: Credentials, stamp: str) -> str:
    return f"{stamp[:8]}/{who.region}/{who.service}/aws4_request"


def _names(signed: Mapping[str, str]) -> str:
    return ";".join(sorted(signed))


def _canonical(method: str, path: str, query: Mapping[str, str], signed: Mapping[str, str], payload_sha256: str) -> str:
    """A request as it is signed; the names of its headers are in lower case."""
    return "\n".join(
        [
            method,
            canonical_path(path),
            canonical_query(query),
            *(f"{key}:{signed[key]}" for key in sorted(signed)),
            "",
            _names(signed),
            payload_sha256,
        ]
    )


def _signature(canonical: str, who: Credentials, stamp: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, _scope(who, stamp), digest])
    key = f"AWS4{who.secret_key}".encode()
    for part in (stamp[:8], who.region, who.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
