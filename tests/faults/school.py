"""A server and an agent as processes of their own, as in a school, and what a person or an integrator sees of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from tests.servers.ports import free_port

T = TypeVar("T")

WAIT_SEC = 60.0


def until(what: str, ask: Callable[[], T | None], limit_sec: float = WAIT_SEC) -> T:
    """Ask until the answer is true; fails by name when the limit is over."""
    end = time.monotonic() + limit_sec
    while True:
        if answer := ask():
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit_sec:.0f} s in vain for: {what}")
        time.sleep(0.05)


def noon_zone() -> str:
    """A zone in which it is about noon: a lesson made now is never near midnight."""
    offset = 12 - datetime.now(ZoneInfo("UTC")).hour
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


class School:
    """`gather-agent serve` and `gather-agent run`, each with a home below `folder`. `agent_url`: where the agent finds
    the server, if not directly.
    """

    def __init__(self, folder: Path, *, agent_url: str = "", **env: str) -> None:
        self.folder = folder
        self.slices = folder / "agent/media/slices"
        self._env = os.environ | {"GATHER__TIME__ZONE": noon_zone(), "GATHER__STANDALONE__PORT": str(free_port())}
        self._env |= env
        self.server = self._start("serve", "server")
        self.url = f"http://127.0.0.1:{self._env['GATHER__STANDALONE__PORT']}"
        secrets = until("the server's secrets", self._secrets)
        self._env |= {"GATHER__SERVER__URL": agent_url or self.url, "GATHER__SERVER__ENROL_KEY": secrets["enrol_key"]}
        self.token = until("the server", lambda: self._token(secrets["credential"]))
        self.daemon = self._start("run", "agent")

    def _start(self, command: str, home: str) -> subprocess.Popen[bytes]:
        (self.folder / home).mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{command}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "agent.cli", command, "--home", str(self.folder / home)],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _secrets(self) -> dict[str, str] | None:
        for path in (self.folder / "server").rglob("*.json"):
            content = json.loads(path.read_text() or "{}")
            if "enrol_key" in content:
                return dict(content)
        return None

    def _token(self, credential: str) -> str | None:
        try:
            return str(self.api("access_token", unionid=credential)["token"])
        except OSError:
            return None

    def api(self, endpoint: str, **params: object) -> dict[str, Any]:
        """An answer of API v1."""
        query = urllib.parse.urlencode({"token": getattr(self, "token", ""), **params})
        with urllib.request.urlopen(f"{self.url}/api/v1/{endpoint}?{query}", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def records(self) -> list[dict[str, Any]]:
        """Everything that `list_record` lists."""
        return list(self.api("list_record", per=1000)["data"])

    def gaps(self) -> list[tuple[float, float, str]]:
        """The gaps of all lessons as the server knows them and its console shows them: since, until, cause."""
        with contextlib.closing(sqlite3.connect(self.folder / "server/server/server.sqlite")) as db:
            return [tuple(row) for row in db.execute("SELECT since, until, cause FROM gap ORDER BY since")]

    def lesson_now(self, film: Path, minutes: float = 55) -> tuple[int, int]:
        """A channel that plays the film, and a lesson on it that begins now: `(camera_id, course_id)`."""
        return self.lesson_now_from({"stream_prop": 1, "stream_mp4": film}, minutes)

    def lesson_now_from(self, source: Mapping[str, object], minutes: float = 55) -> tuple[int, int]:
        """The same from any source, by its fields of API v1."""
        (gather,) = until("the agent's registration", lambda: self.api("list_gather")["data"])
        self.api("mod_gather", gather_id=gather["gather_id"], slice_val=1, inter_val=1, snap_val=1)
        camera = self.api(
            "add_camera",
            camera_name="101",
            gather_id=gather["gather_id"],
            grade_id=1,
            **source,
        )
        now = datetime.now(ZoneInfo(noon_zone()))
        course = self.api(
            "add_course",
            camera_id=camera["camera_id"],
            subject_id=1,
            teacher_id=1,
            week_id=now.isoweekday() % 7,
            elapse_sec=round(minutes * 60),
            start_time=f"{now:%H:%M:%S}",
        )
        assert course["err_code"] == 0, course
        return camera["camera_id"], course["course_id"]

    def status(self) -> dict[str, Any] | None:
        """What `gather-agent status --json` shows; None while the daemon does not run."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(5)
            try:
                door.connect(str(self.folder / "agent/run/control.sock"))
                door.sendall(b"GET /status HTTP/1.0\r\nHost: local\r\n\r\n")
                answer = b"".join(iter(lambda: door.recv(65536), b""))
            except OSError:
                return None
        found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2] or "{}")
        return found

    def recording(self) -> bool:
        """Whether packets of a recording come in."""
        status = self.status()
        return status is not None and any(
            recording["began_at"] is not None and channel["packet_age_sec"] < 2.0
            for channel in status["channels"]
            if channel["packet_age_sec"] is not None
            for recording in channel["recordings"]
        )

    def recorders(self) -> list[int]:
        """The recorder processes: children of the daemon's fork server."""
        return [child for server in _children(self.daemon.pid) for child in _children(server)]

    def kill_recorder(self) -> None:
        """`kill -9` of the recorder process; until there is another."""
        victims = set(self.recorders())
        for pid in victims:
            _kill(pid)
        until("another recorder", lambda: set(self.recorders()) - victims)

    def kill_daemon(self) -> None:
        """`kill -9` of the daemon, and its start again, as the service manager would."""
        self.daemon.kill()
        self.daemon.wait()
        self.start_daemon()

    def killed_daemon(self) -> None:
        """Start the daemon again, which somebody has killed."""
        self.daemon.wait()
        self.start_daemon()

    def start_daemon(self) -> None:
        """The daemon, with what its state folder holds now."""
        self.daemon = self._start("run", "agent")

    def kill_everything(self) -> None:
        """`kill -9` of daemon, fork server and recorders at once: nobody closes a file."""
        victims = [*self.recorders(), *_children(self.daemon.pid)]
        self.daemon.kill()
        for pid in victims:
            _kill(pid)
        self.daemon.wait()
        self.start_daemon()

    def kill_server(self) -> None:
        """`kill -9` of the server, and its start again."""
        self.server.kill()
        self.server.wait()
        self.server = self._start("serve", "server")
        until("the server", self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.api("version")["API"] == "v1")
        except OSError:
            return False

    def all_listed(self) -> bool:
        """Nothing is open, waiting or on its way."""
        status = self.status()
        return (
            status is not None
            and not any(channel["recordings"] for channel in status["channels"])
            and not list(self.slices.glob("*.part"))
            and status["queue"]["recorded"] + status["queue"]["uploaded"] == 0
        )

    def ledger_confirmed(self) -> bool:
        """Whether the server has confirmed the ledger of every recording."""
        with contextlib.closing(sqlite3.connect(self.folder / "agent/state/journal.sqlite")) as db:
            (waiting,) = db.execute("SELECT count(*) FROM recording WHERE reported < revision").fetchone()
        return bool(waiting == 0)

    def stop(self) -> float:
        """SIGTERM to the daemon; the seconds it took."""
        began = time.monotonic()
        self.daemon.terminate()
        assert self.daemon.wait(timeout=15) == 0
        return time.monotonic() - began

    def close(self) -> None:
        """End everything, whatever state it is in."""
        for process in (self.daemon, self.server):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # a repair or a look at a source, which has done its work
        os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []
