"""The systemd unit: read from its files, and asked of systemd where that runs."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.config import Config
from agent.doctor.findings import Finding, error, note, ok, warning

UNIT = "gather-agent.service"
FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
_ASK_SEC = 20.0


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit with its drop-ins: key → every value that counts, in order. An empty assignment forgets those before."""

    path: Path
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def last(self, key: str) -> str:
        """The value of a key that has one."""
        return self.values.get(key, ("",))[-1]

    def words(self, key: str) -> list[str]:
        """All words of a list."""
        return [word for value in self.values.get(key, ()) for word in value.split()]


def find_unit(root: Path = Path("/")) -> Unit | None:
    """The installed unit, None where there is none."""
    path = next((one for folder in FOLDERS if (one := root / folder / UNIT).is_file()), None)
    if path is None:
        return None
    drop_ins = {
        file.name: file for folder in reversed(FOLDERS) for file in (root / folder / f"{UNIT}.d").glob("*.conf")
    }
    values: dict[str, tuple[str, ...]] = {}
    for file in (path, *(drop_ins[name] for name in sorted(drop_ins))):
        for key, value in _assignments(file):
            values[key] = (*values.get(key, ()), value) if value else ()
    return Unit(path, values)


def _assignments(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.replace("\\\n", " ").splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith(("#", ";", "[")):
            yield key.strip(), value.strip()


def check_unit(unit: Unit, config: Config, root: Path = Path("/")) -> Iterator[Finding]:
    """What its files say that cannot work."""
    where = str(unit.path)
    program = unit.last("ExecStart").lstrip("-@:+!").split(" ")[0]
    on_disk = root / program.lstrip("/")
    if not (on_disk.is_file() and os.access(on_disk, os.X_OK)):
        yield error("unit_no_program", where, program=program or "nothing")
    user = unit.last("User")
    if user and not _exists(user):
        yield error("unit_no_user", where, user=user)
    if unit.last("Type") != "notify":
        yield warning("unit_type", where, type=unit.last("Type") or "simple")
    for credential in unit.words("LoadCredential"):
        file = credential.partition(":")[2]
        if file.startswith("/") and not (root / file.lstrip("/")).exists():
            yield error("unit_no_credential", where, file=file)
    for name in unit.words("StateDirectory"):
        if (link := root / "var/lib" / name).is_symlink():
            yield error("unit_state_link", f"/var/lib/{name}", target=str(link.readlink()))
    if unit.last("ProtectSystem") == "strict":
        yield from _not_writable(unit, config)


def _not_writable(unit: Unit, config: Config) -> Iterator[Finding]:
    kinds = {"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "RuntimeDirectory": "/run"}
    writable = [Path(parent, name) for key, parent in kinds.items() for name in unit.words(key)]
    writable += [Path(word.lstrip("-+")) for word in unit.words("ReadWritePaths")]
    folders = {
        "paths.state": config.paths.state,
        "paths.media": config.paths.media,
        "upload.folder": config.upload.folder,
    }
    for key, folder in folders.items():
        if folder is not None and not any(folder == one or one in folder.parents for one in writable):
            yield error("unit_not_writable", str(unit.path), key=key, folder=str(folder))


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def ask_systemd(unit: Unit) -> Iterator[Finding]:
    """What systemd itself says: of the unit's text, and of the service where it runs."""
    if complaints := _verify(unit.path):
        yield warning("unit_verify", str(unit.path), why=complaints)
    if not Path("/run/systemd/system").is_dir() or shutil.which("systemctl") is None:
        return
    keys = "ActiveState,SubState,UnitFileState,Result,ExecMainStatus,NRestarts"
    said = dict(line.partition("=")[::2] for line in _run("systemctl", "show", UNIT, f"--property={keys}").splitlines())
    if said.get("ActiveState") == "failed":
        status = said.get("ExecMainStatus", "")
        meaning = " (the configuration is wrong, or the state folder is a newer version's)" if status == "78" else ""
        yield error("unit_failed", UNIT, why=f"{said.get('Result', '')}, exit status {status}{meaning}")
    elif said.get("SubState") == "auto-restart":
        why = f"{said.get('Result', '')}, exit status {said.get('ExecMainStatus', '')}"
        yield error("unit_loops", UNIT, count=said.get("NRestarts", ""), why=why)
    if said.get("UnitFileState") == "disabled":
        yield warning("unit_disabled", UNIT)


def _verify(path: Path) -> str:
    if shutil.which("systemd-analyze") is None:
        return ""
    said = _run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path))
    # A program that is not there has a finding of its own.
    lines = [line for line in said.splitlines() if UNIT in line and "is not executable" not in line]
    return "; ".join(line.rpartition(f"{UNIT}:")[2].strip() for line in lines)[:300]


def _run(*command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - systemd's own programs with fixed words
            command, capture_output=True, text=True, timeout=_ASK_SEC, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def check_service(unit: Unit | None, config: Config) -> Iterator[Finding]:
    """Everything about the service."""
    if unit is None:
        yield note("unit_none")
        return
    troubles = [*check_unit(unit, config), *ask_systemd(unit)]
    yield from troubles or [ok("unit_well", str(unit.path))]
