"""Signatures against the examples that Amazon publishes ("Examples: Signature Calculations", S3 API Reference)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from agent.storage.s3.sigv4 import EMPTY, Credentials, canonical_path, canonical_query, signed_address, signed_headers

WHO = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
NOW = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
HOST = {"Host": "examplebucket.s3.amazonaws.com"}


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "payload", "signature"),
    [
        (
            *("GET", "/test.txt", {}, {"Range": "bytes=0-9"}, EMPTY),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            *("PUT", "/test$file.text", {}),
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            hashlib.sha256(b"Welcome to Amazon S3.").hexdigest(),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            *("GET", "/", {"lifecycle": ""}, {}, EMPTY),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            *("GET", "/", {"prefix": "J", "max-keys": "2"}, {}, EMPTY),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_published_examples(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], payload: str, signature: str
) -> None:
    sent = signed_headers(method, path, query, {**HOST, **headers}, payload_sha256=payload, who=WHO, now=NOW)
    assert sent["Authorization"].endswith(f"Signature={signature}")
    assert sent["x-amz-date"] == "20130524T000000Z"


def test_the_published_example_of_an_address() -> None:
    address = signed_address("https://examplebucket.s3.amazonaws.com", "/test.txt", {}, seconds=86400, who=WHO, now=NOW)
    assert address == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_what_is_quoted() -> None:
    assert canonical_path("/录像/a b+c~d.mp4") == "/%E5%BD%95%E5%83%8F/a%20b%2Bc~d.mp4"
    assert canonical_query({"b": "x/y =", "a": ""}) == "a=&b=x%2Fy%20%3D"


def test_a_secret_key_is_shown_nowhere() -> None:
    assert "wJalr" not in repr(WHO)
