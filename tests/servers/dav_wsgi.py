"""A second real WebDAV server: WsgiDAV, which asks for the password by Digest and knows locks."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.servers.dav_nginx import DavServer
from tests.servers.ports import await_port, free_port

USER, PASSWORD = "agent", "s3cret"


@contextlib.contextmanager
def wsgidav_server(folder: Path) -> Iterator[DavServer]:
    """Runs inside `folder` until the end of the block."""
    port, root, log = free_port(), folder / "root/dav", folder / "wsgidav.log"
    root.mkdir(parents=True)
    accounts = {"*": {USER: {"password": PASSWORD}}}
    config = {
        "host": "127.0.0.1",
        "port": port,
        "provider_mapping": {"/dav": str(root)},
        "http_authenticator": {"accept_basic": False, "accept_digest": True, "default_to_digest": True},
        "simple_dc": {"user_mapping": accounts},
        "lock_storage": True,
    }
    (folder / "wsgidav.json").write_text(json.dumps(config))
    with log.open("wb") as out:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("wsgidav"), "--config", folder / "wsgidav.json"],
            stdout=out,
            stderr=out,
            env={"PATH": os.defpath, "HOME": str(folder)},
        )
    try:
        await_port(port, process, log)
        yield DavServer(port, folder / "root")
    finally:
        process.kill()
        process.wait()
