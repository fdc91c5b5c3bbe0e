"""A real RTMP server: Debian's nginx with its RTMP module. It plays on what is published, and keeps it as FLV files."""

from __future__ import annotations

import contextlib
import shutil
import signal
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
http {{ access_log off; server {{ listen 127.0.0.1:{door}; location / {{ return 403; }} }} }}
rtmp {{
  server {{
    listen 127.0.0.1:{port};
    chunk_size 4096;
    access_log off;
    application live {{ live on; wait_key on; record all; record_path {folder}; record_suffix .flv; }}
    application closed {{ live on; deny publish all; }}
    application guarded {{ live on; on_publish http://127.0.0.1:{door}/; }}
  }}
}}
"""


@dataclass
class RtmpServer:
    """`live` takes everything, `closed` nothing, and whom `guarded` asks about a key says 403."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def url(self, stream: str, application: str = "live") -> str:
        """Where a stream is published and played."""
        return f"rtmp://127.0.0.1:{self.port}/{application}/{stream}"

    def kept(self, stream: str) -> Path:
        """What was published so far."""
        return self.folder / f"{stream}.flv"

    def start(self) -> None:
        """Listen, on the port that it has always had."""
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
        assert nginx is not None, "nginx is not installed: apt-get install nginx libnginx-mod-rtmp"
        command = [nginx, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        await_port(self.port, self.process, self.folder / "error.log")

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP has it hang, SIGCONT go on."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """Nobody listens any more, publishers and viewers are cut off."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_STOP_SEC)
            self.process = None


@contextlib.contextmanager
def rtmp_server(folder: Path, *, away: bool = False) -> Iterator[RtmpServer]:
    """Runs inside `folder` until the end of the block; with `away` it is to be started yet."""
    folder.mkdir(parents=True, exist_ok=True)
    server = RtmpServer(free_port(), folder)
    config = _CONFIG.format(module=_MODULE, folder=folder, port=server.port, door=free_port())
    (folder / "nginx.conf").write_text(config)
    try:
        if not away:
            server.start()
        yield server
    finally:
        server.stop()
