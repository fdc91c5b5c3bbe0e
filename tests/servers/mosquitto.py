"""A real MQTT broker for tests: Debian's mosquitto, with TLS and passwords where asked for."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.ports import free_port

_BROKER, _PASSWD = "/usr/sbin/mosquitto", "/usr/bin/mosquitto_passwd"
_READY_SEC = 15.0
_MESSAGE_SEC = 30.0
USER, OTHER, PASSWORD = "gather", "janitor", "a password of the school"


@dataclass
class Broker:
    """A broker that can be stopped and started again on its port; it keeps nothing over a restart."""

    folder: Path
    port: int
    ca_file: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Listen."""
        command = [_BROKER, "-c", str(self.folder / "mosquitto.conf")]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + _READY_SEC
        while b"running" not in (self.folder / "log").read_bytes():
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """As if its machine lost power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def publish(
        self, topic: str, payload: str, *, retain: bool = False, user: str = OTHER, options: tuple[str, ...] = ()
    ) -> None:
        """Somebody publishes; `options` are further ones of mosquitto_pub."""
        held = ["-r"] if retain else []
        self._tool("mosquitto_pub", user, "-q", "1", *options, "-t", topic, "-m", payload, *held)

    @property
    def log(self) -> str:
        """What the broker has logged since its start."""
        return (self.folder / "log").read_text(errors="replace")

    def retained(self, topic: str) -> dict[str, str]:
        """What is retained below a topic filter, by topic."""
        done = self._tool("mosquitto_sub", OTHER, "-t", topic, "--retained-only", "-W", "1", "-F", "%j", expect=(0, 27))
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return {message["topic"]: str(message.get("payload", "")) for message in found}

    @contextlib.contextmanager
    def listener(self, topic: str) -> Iterator[Listener]:
        """What is published from now on."""
        command = [
            "stdbuf",
            "-oL",
            "mosquitto_sub",
            *self._options(OTHER),
            "-q",
            "1",
            "-R",
            "-t",
            topic,
            "-F",
            "%j",
            "-d",
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
        try:
            listener = Listener(process)
            listener.until_subscribed()
            yield listener
        finally:
            process.kill()
            process.wait()

    def _options(self, user: str) -> list[str]:
        tls = ["--cafile", str(self.ca_file)] if self.ca_file else []
        return ["-h", "localhost" if tls else "127.0.0.1", "-p", str(self.port), "-u", user, "-P", PASSWORD, *tls]

    def _tool(
        self, tool: str, user: str, *arguments: str, expect: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[str]:
        command = [tool, *self._options(user), *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=30, check=False)
        assert done.returncode in expect, done.stderr
        return done


class Listener:
    """Messages as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.put(line)
        process.stdout.close()

    def until_subscribed(self) -> None:
        """Until the broker has taken the subscription."""
        while "received SUBACK" not in self._line():
            pass

    def next(self) -> tuple[str, Any]:
        """Topic and payload of the next message, as JSON where it is some."""
        while not (line := self._line()).startswith('{"tst"'):
            pass
        message = json.loads(line)
        with contextlib.suppress(ValueError, TypeError):
            return message["topic"], json.loads(message["payload"])
        return message["topic"], message.get("payload", "")

    def _line(self) -> str:
        try:
            return self._lines.get(timeout=_MESSAGE_SEC)
        except queue.Empty:
            raise AssertionError(f"no message within {_MESSAGE_SEC:.0f} s") from None


@contextlib.contextmanager
def broker(*, tls: bool = False, access: str = "", more: tuple[str, ...] = ()) -> Iterator[Broker]:
    """A broker on a free port of loopback that lets in `USER` alone, and `OTHER`, to everything but what the access
    list says; `more` are further lines of its configuration.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # mosquitto gives up root and reads its files as another
        found = Broker(folder, free_port())
        lines = [f"listener {found.port} 127.0.0.1", "allow_anonymous false", f"password_file {folder / 'passwords'}"]
        for user in (USER, OTHER):
            (folder / "passwords").touch()
            subprocess.run([_PASSWD, "-b", folder / "passwords", user, PASSWORD], check=True, capture_output=True)
        if access:
            (folder / "access").write_text(f"{access}\nuser {OTHER}\ntopic readwrite #\n")
            lines += [f"acl_file {folder / 'access'}"]
        if tls:
            found.ca_file = folder / "ca.pem"
            _certificates(folder)
            lines += [f"certfile {folder / 'server.pem'}", f"keyfile {folder / 'server.key'}"]
        lines += [*more, "log_type all", "log_dest stderr", "persistence false"]
        (folder / "mosquitto.conf").write_text("\n".join([*lines, ""]))
        for path in folder.iterdir():
            path.chmod(0o644)
        found.start()
        try:
            yield found
        finally:
            found.stop()


def _certificates(folder: Path) -> None:
    """An authority, and a certificate of it for localhost."""

    def openssl(arguments: str) -> None:
        subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)

    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=school -keyout ca.key -out ca.pem")
    openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr")
    openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem")
