"""Where things lie when nobody says so: systemd's folders, in a plain shell XDG's; and the control socket."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

APP = "gather-agent"
SYSTEM_ROOT = Path("/")
SOCKET_NAME = "control.sock"
SOCKET_PATH_MAX = 107  # bytes: sun_path of unix(7) is 108 with its closing zero


def default_state(env: Mapping[str, str]) -> Path:
    """`$STATE_DIRECTORY` (systemd), else `$XDG_STATE_HOME/gather-agent`, else `~/.local/state/gather-agent`."""
    return _systemd(env, "STATE_DIRECTORY") or _xdg(env, "XDG_STATE_HOME", ".local/state") / APP


def default_media(state: Path) -> Path:
    """Recordings lie below the state until another disk is named. A cache may be cleaned at any time: they are none."""
    return state / "media"


def default_runtime(state: Path, env: Mapping[str, str]) -> Path:
    """`$RUNTIME_DIRECTORY` (systemd), else `$XDG_RUNTIME_DIR/gather-agent`, else `<state>/run`."""
    if systemd := _systemd(env, "RUNTIME_DIRECTORY"):
        return systemd
    session = env.get("XDG_RUNTIME_DIR", "")
    return Path(session) / APP if session.startswith("/") else state / "run"


def default_standalone_folder(state: Path) -> Path:
    """Database and files of the embedded server."""
    return state / "server"


def config_files(env: Mapping[str, str]) -> Iterator[Path]:
    """Where a configuration is looked for when none is named, the first that exists wins."""
    if systemd := _systemd(env, "CONFIGURATION_DIRECTORY"):
        yield systemd / "config.toml"
    yield _xdg(env, "XDG_CONFIG_HOME", ".config") / APP / "config.toml"
    yield Path("/etc") / APP / "config.toml"


def service_environment(env: Mapping[str, str]) -> dict[str, str] | None:
    """The environment with the folders that systemd gives the installed service (systemd/gather-agent.service); None
    where it is not installed, or `env` is systemd's own.
    """
    if any(name in env for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CONFIGURATION_DIRECTORY")):
        return None
    if not (SYSTEM_ROOT / "var/lib" / APP).is_dir():
        return None
    return {**env, **service_folders()}


def service_folders() -> dict[str, str]:
    """The variables with which systemd names the service its folders."""
    folders = {"STATE_DIRECTORY": "var/lib", "RUNTIME_DIRECTORY": "run", "CONFIGURATION_DIRECTORY": "etc"}
    return {name: str(SYSTEM_ROOT / parent / APP) for name, parent in folders.items()}


def control_socket(runtime: Path, env: Mapping[str, str] | None = None) -> Path:
    """The socket on which the daemon answers `gather-agent status`: `<runtime>/control.sock`.

    Where that is longer than a unix socket's address may be, a short name made from it, in a folder of its own under
    `$XDG_RUNTIME_DIR` or the temporary folder.  The same folder gives daemon and command line the same answer.
    """
    plain = runtime / SOCKET_NAME
    if len(os.fsencode(plain)) <= SOCKET_PATH_MAX:
        return plain
    env = os.environ if env is None else env
    digest = hashlib.sha256(os.fsencode(plain)).hexdigest()[:16]
    session = env.get("XDG_RUNTIME_DIR", "")
    for parent in (session, tempfile.gettempdir(), "/tmp"):  # noqa: S108 - the folder is private, see private_folder
        short = Path(parent) / f"{APP}-{digest}" / SOCKET_NAME
        if parent.startswith("/") and len(os.fsencode(short)) <= SOCKET_PATH_MAX:
            return short
    raise AssertionError("a path under /tmp is always short enough")


def private_folder(folder: Path) -> Path:
    """Make `folder` and its parents, for this user alone (0700).

    `PermissionError` when it is there and somebody else's: in a shared temporary folder anybody may have made it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
    return folder


def _systemd(env: Mapping[str, str], name: str) -> Path | None:
    """The first folder of a systemd variable, which separates several with colons."""
    first = env.get(name, "").split(":")[0]
    return Path(first) if first.startswith("/") else None


def _xdg(env: Mapping[str, str], name: str, under_home: str) -> Path:
    """An XDG base folder; the standard says that a relative one counts as not set."""
    given = env.get(name, "")
    return Path(given) if given.startswith("/") else _home(env) / under_home


def _home(env: Mapping[str, str]) -> Path:
    home = env.get("HOME", "")
    if home.startswith("/"):
        return Path(home)
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:  # a container's user without an entry in passwd
        return Path.cwd()
