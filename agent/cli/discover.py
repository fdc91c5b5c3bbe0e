"""`gather-agent discover`: which ONVIF cameras are in this machine's networks, and which of them are channels."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.cli import tables
from agent.cli.common import asked, words
from agent.cli.door import Door
from agent.cli.exits import Exit, Stop
from agent.config import Config
from agent.onvif.messages import Found, FoundList
from agent.sources import IPC, describe
from agent.status import CamerasView
from agent.view.offline import NothingThere, known_on_disk
from agent.words import Words

_START_SEC = 15.0
_USUAL_PORT = 80


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of this agent: `host` is where its camera is, `away` whether its camera is known to be away."""

    number: int
    name: str
    host: str
    away: bool = False

    @property
    def shown(self) -> str:
        """As people call it."""
        return f"{self.number} {self.name}".strip()


def run(args: argparse.Namespace) -> int:
    """Exit code 0 something was found, 1 nothing, 69 this machine cannot ask."""
    say = words(args)
    command = [sys.executable, "-m", "agent.onvif.discovery", str(args.seconds), *filter(None, [args.interface])]
    told = subprocess.run(  # noqa: S603 - our own module, and the arguments are its own
        command, capture_output=True, timeout=args.seconds + _START_SEC, check=False
    )
    if told.returncode:
        why = told.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Stop(Exit.UNAVAILABLE, say("discover_failed", why=why))
    found, channels = FoundList.validate_json(told.stdout), known_channels(args, asked(args).config)
    if args.json:
        print(json.dumps([_as_json(one, channels) for one in found], ensure_ascii=False))  # noqa: T201
        return Exit.OK if found else Exit.DEGRADED
    if found:
        columns = ("col_address", "col_name", "col_hardware", "channel", "col_service")
        tables.show([say(column) for column in columns], (_row(one, channels, say) for one in found))
    else:
        print(say("discover_none", seconds=f"{args.seconds:g}"))  # noqa: T201
    for line in remarks(found, channels, say):
        print(line)  # noqa: T201
    return Exit.OK if found else Exit.DEGRADED


def known_channels(args: argparse.Namespace, config: Config) -> list[Channel] | None:
    """Those of the running daemon, else of its disk; None where neither can be read."""
    try:
        view, _ = Door(args, config).view("/cameras", CamerasView)
    except Stop:
        try:
            cameras = known_on_disk(config).cameras.values()
        except NothingThere:
            return None
        return [
            Channel(one.camera_id, one.camera_name, _host(describe(one), bare=one.stream_prop == IPC))
            for one in cameras
        ]
    return [
        Channel(
            one.camera_id, one.name, _host(one.source, bare="://" not in one.source), one.state in ("waiting", "down")
        )
        for one in view.cameras
    ]


def remarks(found: list[Found], channels: list[Channel] | None, say: Words) -> Iterable[str]:
    """What a technician does next, or would not see at once in the table."""
    hosts = {one.host for one in found}
    known = {one.host for one in channels or ()}
    new = [one for one in found if one.host not in known]
    for one in found:
        if not one.near:
            yield say("discover_far", host=one.host)
    for channel in channels or ():
        if channel.away and channel.host and channel.host not in hosts:
            yield say("discover_gone" if new else "discover_silent", channel=channel.shown, host=channel.host)
    if new:
        yield say("discover_next", host=_shown(new[0]))


def _row(device: Found, channels: list[Channel] | None, say: Words) -> tuple[str, ...]:
    mine = ", ".join(one.shown for one in channels or () if one.host == device.host)
    state = "?" if channels is None else mine or say("discover_new")
    return _shown(device), device.name, device.hardware, state, device.services[0]


def _shown(device: Found) -> str:
    """As it is written into `device_ip`: with its port where that is not the usual one."""
    host = f"[{device.host}]" if ":" in device.host else device.host
    return device.host if device.port == _USUAL_PORT else f"{host}:{device.port}"


def _as_json(device: Found, channels: list[Channel] | None) -> dict[str, object]:
    """`channels`: null where it is not known which there are."""
    mine = [{"camera_id": one.number, "name": one.name} for one in channels or () if one.host == device.host]
    return {**device.model_dump(), "channels": None if channels is None else mine}


def _host(source: str, *, bare: bool) -> str:
    """The host in a channel's address; empty where it has none."""
    if bare and source.count(":") > 1 and "[" not in source:
        return source
    try:
        return urlsplit(f"//{source}" if bare else source).hostname or ""
    except ValueError:
        return ""
