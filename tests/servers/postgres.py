"""A real PostgreSQL for tests: Debian's, in a folder of its own, on a Unix socket, never as root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
_SETTINGS = ("-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40", "-c", "shared_buffers=32MB")


@dataclass
class Postgres:
    """A running server; each database that is asked for is a new and empty one."""

    folder: Path
    user: str
    _numbers: Iterator[int] = field(default_factory=count)

    def database(self, like: str = "") -> str:
        """The SQLAlchemy URL of a new database, empty or a copy of the one with this URL."""
        name = f"school_{next(self._numbers)}"
        template = like.partition("?")[0].rpartition("/")[2] or "template0"
        run(self.user, "createdb", "-h", str(self.folder), "-U", self.user, "-T", template, "-E", "UTF8", name)
        return self.url(name)

    def start(self) -> None:
        """Listen."""
        options = " ".join((*_SETTINGS, "-k", str(self.folder)))
        self._control("-l", str(self.folder / "log"), "-w", "-t", "60", "-o", options, "start")

    def stop(self) -> None:
        """As if its machine lost power."""
        self._control("-m", "immediate", "stop")

    def restart(self) -> None:
        """As an upgrade of its package does it; connections end."""
        self._control("-m", "fast", "-w", "-t", "60", "stop")
        self.start()

    def _control(self, *arguments: str) -> None:
        run(self.user, "pg_ctl", "-D", str(self.folder / "data"), *arguments)

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of a database, which may not exist."""
        return f"postgresql://{self.user}@/{name}?host={self.folder}"


def run(user: str, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as this user."""
    found = _PROGRAMS[-1] / program if _PROGRAMS else program
    done = subprocess.run([found, *arguments], **_as(user), capture_output=True, text=True, check=False)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{program}: {done.stdout} {done.stderr}"


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server until the end of the block."""
    user = pwd.getpwuid(os.getuid()).pw_name if os.getuid() else "nobody"
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a Unix socket's path has 107 bytes
    try:
        shutil.chown(folder, user)
        data = str(folder / "data")
        run(user, "initdb", "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        server = Postgres(folder, user)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _as(user: str) -> dict[str, object]:
    if os.getuid():
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}
