"""A real Home Assistant, installed elsewhere (`GATHER_HOME_ASSISTANT` is its `hass`), set up without a person."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.servers.ports import free_port

START_SEC = 300.0
"""The first start installs what its integrations need."""

_CONFIGURATION = """
homeassistant:
  name: School
http:
  server_host: 127.0.0.1
  server_port: {port}
config:
onboarding:
logger:
  default: info
"""


@dataclass
class HomeAssistant:
    """One with an owner, a token, and nothing else."""

    folder: Path
    hass: str
    port: int = field(default_factory=free_port)
    token: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=self.port))
        with (self.folder / "out").open("ab") as out:
            command = [self.hass, "-c", str(self.folder)]
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        end = time.monotonic() + START_SEC
        while True:
            with contextlib.suppress(OSError):
                self._call("/api/onboarding")
                return
            assert self.process.poll() is None and time.monotonic() < end, self.log[-3000:]
            time.sleep(0.5)

    def stop(self) -> None:
        """As its owner stops it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)

    @property
    def log(self) -> str:
        """Everything that it has said."""
        return (self.folder / "out").read_text(errors="replace")

    @property
    def version(self) -> str:
        """Of the program."""
        return str(self._call("/api/config")["version"])

    def move_in(self) -> None:
        """The first owner, and a token for us."""
        site = f"http://127.0.0.1:{self.port}/"
        owner = {"client_id": site, "name": "T", "username": "t", "password": os.urandom(8).hex(), "language": "en"}
        code = self._call("/api/onboarding/users", owner)["auth_code"]
        form = {"client_id": site, "grant_type": "authorization_code", "code": code}
        self.token = self._call("/auth/token", form=form)["access_token"]
        (long_lived,) = self.ask({"type": "auth/long_lived_access_token", "client_name": "tests", "lifespan": 1})
        self.token = long_lived

    def add_broker(self, port: int, user: str, password: str) -> None:
        """The MQTT integration, as its dialogue asks for it."""
        flow = self._call("/api/config/config_entries/flow", {"handler": "mqtt"})
        answers = {"broker": "127.0.0.1", "port": port, "username": user, "password": password}
        done = self._call(f"/api/config/config_entries/flow/{flow['flow_id']}", answers)
        assert done["type"] == "create_entry", done

    def states(self, part: str = "gather_") -> dict[str, dict[str, Any]]:
        """Entities whose names have this part, by their names."""
        return {one["entity_id"]: one for one in self._call("/api/states") if part in one["entity_id"]}

    def devices(self) -> dict[str, dict[str, Any]]:
        """What MQTT has brought, by name."""
        (found,) = self.ask({"type": "config/device_registry/list"})
        return {one["name"]: one for one in found if any(kind == "mqtt" for kind, _ in one["identifiers"])}

    def call(self, service: str, entity: str) -> None:
        """Call a service, such as `switch.turn_on`, for an entity."""
        self._call(f"/api/services/{service.replace('.', '/')}", {"entity_id": entity})

    def picture(self, entity: str) -> bytes:
        """What a camera shows."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/camera_proxy/{entity}")
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def ask(self, *questions: dict[str, Any]) -> list[Any]:
        """Questions over its websocket, and their results."""
        results = []
        with connect(f"ws://127.0.0.1:{self.port}/api/websocket", max_size=None) as socket:
            socket.recv()
            socket.send(json.dumps({"type": "auth", "access_token": self.token}))
            assert json.loads(socket.recv())["type"] == "auth_ok"
            for number, question in enumerate(questions, 1):
                socket.send(json.dumps({"id": number, **question}))
                answer = json.loads(socket.recv())
                assert answer["success"], answer
                results.append(answer["result"])
        return results

    def _call(self, path: str, body: Any = None, form: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        data = urllib.parse.urlencode(form) if form else json.dumps(body) if body is not None else None
        with urllib.request.urlopen(request, data.encode() if data else None, timeout=60) as answer:
            return json.load(answer)


@contextlib.contextmanager
def home_assistant(folder: Path) -> Iterator[HomeAssistant]:
    """One that is new."""
    found = HomeAssistant(folder, os.environ["GATHER_HOME_ASSISTANT"])
    found.start()
    try:
        found.move_in()
        yield found
    finally:
        found.stop()
