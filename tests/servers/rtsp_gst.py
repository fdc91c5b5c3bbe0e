"""A real RTSP server for tests: gst-rtsp-server, run by the system's python3, in a process of its own."""

from __future__ import annotations

import json
import select
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_SYSTEM_PYTHON = "/usr/bin/python3"
_MAIN = Path(__file__).with_name("gst_rtsp_main.py")
_READY_SEC = 15.0
_PACKAGES = (
    "python3-gst-1.0 gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-rtsp"
)


@dataclass
class RtspServer:
    """A running server; all clients of a mount share one stream, as those of a camera do."""

    port: int
    process: subprocess.Popen[str]

    def url(self, path: str = "/camera") -> str:
        return f"rtsp://127.0.0.1:{self.port}{path}"

    def kill(self) -> None:
        """As if the camera lost its power."""
        self.process.kill()
        self.process.wait()


def file_stream(path: Path, *, codec: Literal["h264", "h265"] = "h264", audio: bool = True) -> str:
    """A mount that plays an MP4 (with AAC) once, from its first client on, without coding it anew."""
    launch = (
        f"filesrc location={path} ! qtdemux name=file"
        f" file.video_0 ! queue ! {codec}parse ! rtp{codec}pay name=pay0 pt=96 config-interval=-1"
    )
    if audio:
        launch += " file.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97"
    return f"( {launch} )"


def file_and_g711_stream(path: Path) -> str:
    """A mount with the picture of an MP4 and a tone in G.711 A-law, the usual sound of cameras."""
    video = file_stream(path, audio=False).strip("( )")
    tone = "audiotestsrc is-live=true freq=440 ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8"
    return f"( {video} {tone} )"


@contextmanager
def rtsp_server(
    mounts: dict[str, str], *, auth: Literal["", "basic", "digest"] = "", user: str = "", password: str = ""
) -> Iterator[RtspServer]:
    """Serves GStreamer pipelines by path on a free port of loopback until the block ends."""
    wanted = {"mounts": mounts, "auth": auth, "user": user, "password": password}
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [_SYSTEM_PYTHON, str(_MAIN), json.dumps(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], _READY_SEC)
            line = process.stdout.readline() if ready else ""
            if not line.startswith("ready "):
                process.kill()
                process.wait()
                complaints.seek(0)
                said = complaints.read().strip()
                raise AssertionError(f"no RTSP server: apt-get install {_PACKAGES}\n{said}")
            yield RtspServer(int(line.split()[1]), process)
        finally:
            process.stdin.close()  # on which the server leaves
            process.stdout.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
