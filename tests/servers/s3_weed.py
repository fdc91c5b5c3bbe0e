"""A second real S3 server, one that looks: SeaweedFS compares checksums, and refuses signatures of another time."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

from agent.storage.s3.sigv4 import Credentials
from tests.servers.ports import START_SEC, await_port, free_ports
from tests.servers.s3_moto import BUCKET, S3Server

WHO = Credentials("agent", "s3cret")
_PORTS = ("master", "volume", "filer", "s3")


@contextlib.contextmanager
def weed_server(folder: Path) -> Iterator[S3Server]:
    """Runs inside `folder`, with one bucket, until the end of the block."""
    (folder / "data").mkdir()
    user = {"name": WHO.access_key, "credentials": [{"accessKey": WHO.access_key, "secretKey": WHO.secret_key}]}
    (folder / "s3.json").write_text(json.dumps({"identities": [{**user, "actions": ["Admin"]}]}))
    names = [f"{part}.port{kind}" for part in _PORTS for kind in ("", ".grpc")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    log = folder / "weed.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(Path(sys.executable).with_name("weed"), "server", f"-dir={folder / 'data'}", "-filer", "-s3"),
                *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-volume.max=20"),
                *("-master.volumeSizeLimitMB=1024", f"-s3.config={folder / 's3.json'}", "-s3.iam=false"),
                *("-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
                *(f"-{name}={port}" for name, port in ports.items()),
            ],
            stdout=out,
            stderr=out,
            cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder)},
        )
    try:
        await_port(ports["s3.port"], process, log)
        found = S3Server(f"http://127.0.0.1:{ports['s3.port']}", WHO)
        _furnish(found, process, log)
        yield found
    finally:
        process.kill()
        process.wait()


def _furnish(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """The port is open before the parts behind it have found each other."""
    give_up = time.monotonic() + START_SEC
    while True:
        try:
            server.ask("PUT", f"/{BUCKET}")
        except (urllib.error.HTTPError, OSError):
            assert process.poll() is None, log.read_text(errors="replace")[-1000:]
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            return
