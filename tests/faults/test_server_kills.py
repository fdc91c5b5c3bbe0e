"""`kill -9` of the embedded server while files come in, reports are entered and API v1 changes rows, at moments that a
seed draws: what was confirmed is there and whole, what was not can be brought again, and nothing half is shown.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.standalone.store.migrations import VERSION
from tests.faults.school import until
from tests.servers.ports import free_port
from tests.standalone.helpers import record, stem
from tests.standalone.store.test_migrations import make_first

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("GATHER_SERVER_KILLS", "5"))
SEED = int(os.environ.get("GATHER_SEED", "1"))
ERRORS = (OSError, http.client.HTTPException)


@dataclass
class Served:
    """`gather-agent serve` with its folder in `home`; started, killed, started again on the same port."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it, without waiting."""
        env = os.environ | {"GATHER__STANDALONE__PORT": str(self.port), "GATHER__TIME__ZONE": "Asia/Shanghai"}
        self.home.mkdir(exist_ok=True)
        with (self.home / "serve.log").open("ab") as log:
            command = [sys.executable, "-m", "agent.cli", "serve", "--home", str(self.home)]
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self.process

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        until("the server", self.answers)

    def answers(self) -> bool:
        """Whether it does."""
        assert self.process is not None and self.process.poll() is None, (self.home / "serve.log").read_text()
        with contextlib.suppress(*ERRORS):
            return self.ask("GET", "/api/v1/version")[0] == 200
        return False

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, method: str, path: str, data: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """One request on a line of its own; status and body."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(line):
            line.request(method, path, data or None, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = line.getresponse()
            return answer.status, answer.read()

    def api(self, endpoint: str, **params: Any) -> dict[str, Any]:
        """An answer of API v1, with a token."""
        given = params | {"token": self.token()}
        return dict(json.loads(self.ask("GET", f"/api/v1/{endpoint}?{urllib.parse.urlencode(given)}")[1]))

    def token(self) -> str:
        """A fresh token of API v1."""
        credential = self.secrets()["credential"]
        return str(json.loads(self.ask("GET", f"/api/v1/access_token?unionid={credential}")[1])["token"])

    def secrets(self) -> dict[str, Any]:
        """What its `secrets.json` holds."""
        return dict(json.loads((self.home / "server/secrets.json").read_text()))

    @property
    def database(self) -> Path:
        """Its database."""
        return self.home / "server/server.sqlite"


@dataclass
class Agent:
    """Brings slice after slice, each until it is confirmed, and remembers what was confirmed."""

    server: Served
    bearer: str
    random: random.Random
    stopped: threading.Event = field(default_factory=threading.Event)
    stored: dict[str, str] = field(default_factory=dict)
    recorded: set[str] = field(default_factory=set)
    schools: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Until it is stopped."""
        number = 0
        while not self.stopped.is_set():
            number += 1
            content = self.random.randbytes(self.random.choice((1_000, 300_000, 6_000_000)))
            name = stem(77, slice_id=number)
            while not self.stopped.is_set():
                with contextlib.suppress(*ERRORS):
                    if self._bring(name, content, number):
                        break
                time.sleep(0.02)

    def _bring(self, name: str, content: bytes, number: int) -> bool:
        digest = hashlib.sha256(content)
        header = f"sha-256=:{b64encode(digest.digest()).decode()}:"
        status, body = self._ask("PUT", f"files/{name}.mp4", content, Content_Digest=header)
        if status != 200:
            self.wrong += [f"upload {status}: {body!r}"] if status not in (503, 507) else []
            return False
        stored = json.loads(body)
        self.stored[stored["file"]] = digest.hexdigest()
        status, body = self._ask("POST", "records", json.dumps(record(name, stored)).encode())
        if status != 200:
            self.wrong += [f"report {status}: {body!r}"] if status != 503 else []
            return False
        self.recorded.add(name)
        if self.server.api("add_school", name=f"school {number}", addr="x")["err_code"] == 0:
            self.schools.add(f"school {number}")
        return True

    def _ask(self, method: str, what: str, data: bytes, **headers: str) -> tuple[int, bytes]:
        authorization = f"Bearer {self.bearer}"
        return self.server.ask(method, f"/gather/v1/{what}", data, Authorization=authorization, **headers)


def check(server: Served, agent: Agent) -> None:
    """Everything that was confirmed is there, once, and whole; and nothing is listed that is not."""
    rows = server.api("list_record", per=1000)["data"]
    assert len({row["file_src"] for row in rows}) == len(rows)
    assert agent.recorded <= {row["file_src"] for row in rows}
    for row in rows:
        status, content = server.ask("GET", row["file_fdfs"])
        assert status == 200
        assert hashlib.sha256(content).hexdigest() == agent.stored[row["file_fdfs"]]
    assert agent.schools <= {row["name"] for row in server.api("list_school", per=1000)["data"]}
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_was_confirmed_survives_every_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(SEED)
    server = Served(tmp_path)
    server.start()
    key = server.secrets()["enrol_key"]
    body = json.dumps({"agent_uid": "agent-1", "mac_addr": "AA"}).encode()
    _, answer = server.ask("POST", "/gather/v1/register", body, Authorization=f"Bearer {key}")
    agent = Agent(server, json.loads(answer)["token"], draw)
    bringing = threading.Thread(target=agent.run)
    bringing.start()
    try:
        for _ in range(KILLS):
            seen = len(agent.recorded)
            until("something is confirmed", lambda seen=seen: len(agent.recorded) > seen)  # type: ignore[misc]
            time.sleep(draw.uniform(0.0, 0.3))  # the moment of the kill, not a wait for anything
            server.kill()
            server.start()
        seen = len(agent.recorded)
        until("it goes on", lambda: len(agent.recorded) > seen)
    finally:
        agent.stopped.set()
        bringing.join()
    try:
        check(server, agent)
        assert agent.wrong == []
    finally:
        server.kill()
    with capsys.disabled():
        print(f"\nserver killed {KILLS} times: {len(agent.recorded)} slices, {len(agent.schools)} rows, none lost")


def test_a_kill_in_the_migration_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    draw = random.Random(SEED)
    for number in range(KILLS):
        server = Served(tmp_path / str(number))
        (server.home / "server").mkdir(parents=True)
        make_first(f"sqlite:///{server.database}")
        process = server.launch()
        copy = server.database.with_name("server.sqlite.schema-1.part")
        until("the migration begins", lambda copy=copy: copy.exists() or copy.with_suffix("").exists())  # type: ignore[misc]
        time.sleep(draw.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        with contextlib.closing(sqlite3.connect(server.database)) as database:
            ((version,),) = database.execute("SELECT value FROM meta WHERE name = 'schema'").fetchall()
        assert version in ("1", str(VERSION))
        server.start()
        try:
            assert server.api("list_gather")["data"][0]["name_set"] == "room 301"
            row = server.api("list_camera")["data"][0]
            assert row["stream_url"] == "rtsp://u:plain-in-url@10.0.0.7/"
        finally:
            server.kill()
