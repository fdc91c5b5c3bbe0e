"""A real S3 server that checks every signature: moto with its IAM switched on, one bucket, one user."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.storage.s3.sigv4 import EMPTY, Credentials, signed_headers
from tests.servers.ports import await_port, free_port

BUCKET = "recordings"
_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


@dataclass(frozen=True)
class S3Server:
    """Where it is, and who may use its bucket."""

    url: str
    who: Credentials

    def ask(self, method: str, path: str, query: dict[str, str] | None = None, **about: str) -> bytes:
        """A signed request's answer; `about` are metadata. Raises `HTTPError`."""
        host = self.url.removeprefix("http://")
        meta = {f"x-amz-meta-{key}": value for key, value in about.items()}
        headers = signed_headers(
            method, path, query or {}, {"Host": host, **meta}, payload_sha256=EMPTY, who=self.who, now=time.time()
        )
        url = f"{self.url}{urllib.parse.quote(path)}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        request = urllib.request.Request(url, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())

    def content(self, path: str) -> bytes | None:
        """What lies at `/<bucket>/<key>`; None where nothing does."""
        try:
            return self.ask("GET", path)
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return None


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Runs until the end of the block."""
    port = free_port()
    log = folder / "moto.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            stdout=out,
            stderr=out,
            env={"PATH": os.defpath, "HOME": str(folder)},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        await_port(port, process, log)
        _iam(url, Action="CreateUser", UserName="agent")
        _iam(url, Action="PutUserPolicy", UserName="agent", PolicyName="all", PolicyDocument=json.dumps(_POLICY))
        key = _iam(url, Action="CreateAccessKey", UserName="agent")
        found = S3Server(url, Credentials(_between(key, "AccessKeyId"), _between(key, "SecretAccessKey")))
        reset = urllib.request.Request(f"{url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
        urllib.request.urlopen(reset, timeout=10).close()
        found.ask("PUT", f"/{BUCKET}")
        yield found
    finally:
        process.kill()
        process.wait()


def _iam(url: str, **params: str) -> str:
    """A call of the server's IAM, while it lets everybody in."""
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/iam/aws4_request"}
    data = urllib.parse.urlencode({"Version": "2010-05-08", **params}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return str(answer.read().decode())


def _between(text: str, tag: str) -> str:
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
