"""`gather-agent enrol URL KEY`: the one step between the installation and a recorder that the server knows.

First everything is looked at, and what is wrong is named; then the address goes into the configuration and the key into
a file beside it; then the service is started anew, or, where there is none, the registration is made at once.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import pwd
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from agent import logs
from agent.cli.check import become_owner_of
from agent.cli.common import loaded, single_instance, words
from agent.cli.door import Door
from agent.cli.exits import Exit, Stop
from agent.config import Config, LoadedConfig, load_config
from agent.config.paths import config_files, service_folders
from agent.config.toml_edit import CannotEdit, with_key, without_key
from agent.doctor.findings import Finding
from agent.doctor.server import check_server
from agent.doctor.service import UNIT, find_unit
from agent.files import holder_of, replace_file
from agent.link.client import ServerClient, tls_context
from agent.link.failure import ServerError
from agent.link.registration import register, relay_address, this_machine
from agent.state import AgentState
from agent.status import DaemonView
from agent.words import Words

KEY_FILE = "enrol_key"
PATIENCE_SEC = 30.0
"""How long the restarted service may take to be let in. A lesson that is on is repaired first."""


@dataclass(frozen=True, slots=True)
class Place:
    """The agent that is meant: its configuration file (which may not be there yet), the address in it, its owner."""

    file: Path
    text: str
    url: str
    owner: tuple[int, int]
    service: bool

    @property
    def key_file(self) -> Path:
        """The enrol key, for the agent's eyes alone."""
        return self.file.parent / KEY_FILE


def run(args: argparse.Namespace) -> int:
    """Exit code 0 enrolled (also: enrolled already), 1 not done and nothing changed: the reason is said."""
    say = words(args)
    key = _key(args, say)
    logs.conceal(key)
    more = {"server.url": args.url, "server.enrol_key": key, "server.enrol_key_file": ""}
    if args.ca_file is not None:
        more["server.ca_file"] = args.ca_file.absolute()
    wanted = loaded(args, more)
    place = _place(args, wanted)
    if place.service:
        wanted = load_config(place.file if place.file.exists() else None, _of_service(), more)
    config = wanted.config
    token = _token(config, place, say)
    url = config.server.url
    if token and place.url and place.url != url and not args.again:
        raise Stop(Exit.DEGRADED, say("enrol_elsewhere", url=place.url))
    kept = token if place.url == url and not args.again else ""
    findings = asyncio.run(check_server(wanted, kept)).findings
    _refuse(findings, say)
    if urlsplit(url).scheme == "http" and not _on_this_machine(url):
        print(say("enrol_plain", url=url))  # noqa: T201
    changed = _write(place, wanted, key, say)
    if place.service and _systemd_runs():
        return _through_service(args, config, say, changed=changed, forget=bool(token and not kept))
    if holder_of(config.paths.state):
        raise Stop(Exit.DEGRADED, say("enrol_restart_yourself"))
    return _at_once(config, kept, key, say)


def _key(args: argparse.Namespace, say: Words) -> str:
    """From the command line, from stdin for `-`, else asked for: what is typed there is in no list of processes."""
    given: str = args.key
    if given == "-" or (not given and not sys.stdin.isatty()):
        given = sys.stdin.readline()
    elif not given:
        given = getpass.getpass(say("enrol_ask_key"))
    if not given.strip():
        raise Stop(Exit.USAGE, say("enrol_no_key"))
    return given.strip()


def _place(args: argparse.Namespace, found: LoadedConfig) -> Place:
    unit = find_unit() if args.home is None and args.config is None else None
    service = unit is not None and not (found.path and found.path.is_relative_to(Path.home()))
    if args.home is not None:
        file = args.config or args.home.absolute() / "config.toml"
    elif service:
        file = Path("/etc/gather-agent/config.toml")
    else:
        file = args.config or found.path or next(iter(config_files(os.environ)))
    file = file.resolve()
    try:
        text = file.read_bytes().decode("utf-8-sig") if file.exists() else ""
    except PermissionError:
        text = ""
    url = tomllib.loads(text).get("server", {}).get("url", "")
    return Place(file, text, str(url).rstrip("/"), _owner(unit.last("User") if unit else "", found.config), service)


def _of_service() -> dict[str, str]:
    """The environment in which the service reads its configuration; it may never have run yet."""
    return {**os.environ, **service_folders()}


def _owner(user: str, config: Config) -> tuple[int, int]:
    """Whom the key's file is for: the service's user, else the owner of the agent's state, else this user."""
    if user:
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            return os.geteuid(), os.getegid()
        return entry.pw_uid, entry.pw_gid
    if config.paths.state.exists():
        found = config.paths.state.stat()
        return found.st_uid, found.st_gid
    return os.geteuid(), os.getegid()


def _token(config: Config, place: Place, say: Words) -> str:
    """The agent's own token, empty before its first registration. `Stop` (77) where this user may not go on."""
    folder = next(one for one in place.file.parents if one.exists())
    target = place.file if place.file.exists() else folder
    refused = Stop(Exit.NO_PERMISSION, say("enrol_no_permission", path=target))
    if not (os.access(target, os.W_OK) and os.access(folder, os.W_OK)) or (place.service and os.geteuid() != 0):
        raise refused
    token = config.paths.state / "token"
    try:
        return token.read_text().strip() if token.exists() else ""
    except PermissionError:
        raise refused from None


def _refuse(findings: list[Finding], say: Words) -> None:
    wrong = [finding for finding in findings if finding.severity == "error"]
    if wrong:
        told = [f"{one.what(say.language)}\n  -> {one.advice(say.language)}" for one in wrong]
        raise Stop(Exit.DEGRADED, "\n".join([*told, say("enrol_unchanged")]))


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _write(place: Place, wanted: LoadedConfig, key: str, say: Words) -> bool:
    """The key first: a configuration that names a file which is not there is not valid. False when all stood there."""
    server = wanted.config.server
    try:
        text = without_key(place.text, "server", "enrol_key")
        text = with_key(text, "server", "url", server.url)
        text = with_key(text, "server", "enrol_key_file", KEY_FILE)
        if wanted.origins["server.ca_file"] == "command line":
            text = with_key(text, "server", "ca_file", str(server.ca_file))
    except CannotEdit as error:
        raise Stop(Exit.DEGRADED, say("enrol_cannot_edit", path=place.file, what=error)) from error
    if text == place.text and place.key_file.exists() and place.key_file.read_text().strip() == key:
        return False
    place.file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(place.key_file, f"{key}\n".encode(), mode=0o600)
    if os.geteuid() == 0:
        os.chown(place.key_file, *place.owner)
    if text != place.text:
        before = place.file.stat() if place.file.exists() else None
        replace_file(place.file, text.encode(), mode=0o640 if before is None else before.st_mode & 0o777)
        if os.geteuid() == 0:
            os.chown(place.file, *((before.st_uid, before.st_gid) if before else place.owner))
    print(say("enrol_written", url=server.url, config=place.file, file=place.key_file))  # noqa: T201
    return True


def _systemd_runs() -> bool:
    return Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None


def _through_service(args: argparse.Namespace, config: Config, say: Words, *, changed: bool, forget: bool) -> int:
    """Start the service anew, and wait until it has been let in. A token of another server's goes in between."""
    door = Door(args, config)
    if not changed and not forget and (view := _let_in(door, config)) is not None:
        print(say("enrol_already", number=view.gather_id, url=view.server))  # noqa: T201
        return Exit.OK
    if forget:
        _systemctl("stop", say)
        (config.paths.state / "token").unlink(missing_ok=True)
    _systemctl("restart", say)
    deadline = time.monotonic() + PATIENCE_SEC
    while (view := _let_in(door, config)) is None:
        if time.monotonic() > deadline:
            raise Stop(Exit.DEGRADED, say("enrol_not_yet"))
        time.sleep(0.3)
    print(say("enrol_done", number=view.gather_id, url=view.server))  # noqa: T201
    return Exit.OK


def _let_in(door: Door, config: Config) -> DaemonView | None:
    """What the running daemon says, once the server has let it in."""
    try:
        view, _ = door.view("/status", DaemonView)
    except Stop:
        return None  # it starts
    return view if view.server == config.server.url and view.link in ("registered", "connected") else None


def _systemctl(order: str, say: Words) -> None:
    done = subprocess.run(  # noqa: S603 - systemd's own program with fixed words
        ["systemctl", order, UNIT],  # noqa: S607 - as every administrator calls it
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Stop(Exit.DEGRADED, say("enrol_no_service", order=order, why=done.stderr.strip()[:300]))


def _at_once(config: Config, token: str, key: str, say: Words) -> int:
    """No service: this agent's state is made, if need be, and the registration done here."""
    config.paths.state.mkdir(parents=True, exist_ok=True)
    become_owner_of(config.paths.state)
    with single_instance(config.paths.state):
        state = AgentState(config.paths.state)
        try:
            asyncio.run(_register(config, state, token, key))
        except ServerError as error:
            raise Stop(Exit.DEGRADED, str(error)) from error
    print(say("enrol_done", number=state.known.gather_id, url=config.server.url))  # noqa: T201
    print(say("enrol_start_yourself"))  # noqa: T201
    return Exit.OK


async def _register(config: Config, state: AgentState, token: str, key: str) -> None:
    server = config.server
    client = ServerClient(server.url, lambda: token, tls_context(server.ca_file), server.timeout_sec)
    try:
        request = this_machine(state.known.agent_uid, server.url, config.agent.name)
        reply = await register(client, request, token, key)
    finally:
        await client.close()
    state.take_registration(reply, relay_address(server.url, reply.relay_url))
