"""A real WebDAV server: Debian's nginx with its dav module, one folder behind a password."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import await_port, free_port

USER, PASSWORD = "agent", "s3cret 密"
_CONF = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
{user}
events {{ worker_connections 64; }}
http {{
    access_log off; client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/root;
        location /dav/ {{
            auth_basic "school"; auth_basic_user_file {folder}/users;
            dav_methods PUT DELETE MKCOL COPY MOVE;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class DavServer:
    """`/dav/` takes files of `USER`; it is the folder `dav` of `root`."""

    port: int
    root: Path

    @property
    def url(self) -> str:
        """The folder's address."""
        return f"http://127.0.0.1:{self.port}/dav"

    def content(self, path: str) -> bytes | None:
        """What lies at this path of the server; None where nothing does."""
        file = self.root / path.removeprefix("/")
        return file.read_bytes() if file.is_file() else None


@contextlib.contextmanager
def dav_server(folder: Path) -> Iterator[DavServer]:
    """Runs inside `folder` until the end of the block."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
    assert nginx is not None, "nginx is not installed: make servers"
    port = free_port()
    (folder / "root/dav").mkdir(parents=True)
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_CONF.format(folder=folder, port=port, user=user))
    process = subprocess.Popen([nginx, "-c", folder / "nginx.conf", "-p", folder], stderr=subprocess.DEVNULL)
    try:
        await_port(port, process, folder / "error.log")
        yield DavServer(port, folder / "root")
    finally:
        process.terminate()
        process.wait(20)
