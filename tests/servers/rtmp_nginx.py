"""A real RTMP server: Debian's nginx with its RTMP module. It plays on what is published, and keeps it as FLV files."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import await_port, free_port

_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
_STOP_SEC = 15.0
_CONFIG = """
load_module {module};
daemon off;
master_process off;
error_log {folder}/error.log info;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
rtmp {{
  server {{
    listen 127.0.0.1:{port};
    chunk_size 4096;
    access_log off;
    application live {{ live on; wait_key on; record all; record_path {folder}; record_suffix .flv; }}
    application closed {{ live on; deny publish all; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class RtmpServer:
    """`live` takes everything, `closed` nothing."""

    port: int
    folder: Path

    def url(self, stream: str, application: str = "live") -> str:
        """Where a stream is published and played."""
        return f"rtmp://127.0.0.1:{self.port}/{application}/{stream}"

    def kept(self, stream: str) -> Path:
        """What was published so far."""
        return self.folder / f"{stream}.flv"


@contextlib.contextmanager
def rtmp_server(folder: Path) -> Iterator[RtmpServer]:
    """Runs inside `folder` until the end of the block."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
    assert nginx is not None, "nginx is not installed: apt-get install nginx libnginx-mod-rtmp"
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(module=_MODULE, folder=folder, port=port))
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        await_port(port, process, folder / "error.log")
        yield RtmpServer(port, folder)
    finally:
        process.terminate()
        process.wait(_STOP_SEC)
