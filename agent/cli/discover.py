"""`gather-agent discover`: which ONVIF cameras are in this network."""

from __future__ import annotations

import argparse
import subprocess
import sys

from agent.cli import tables
from agent.cli.common import words
from agent.cli.exits import Exit, Stop
from agent.onvif.messages import Found, FoundList

_START_SEC = 15.0


def run(args: argparse.Namespace) -> int:
    """Exit code 0 something was found, 1 nothing, 69 this machine cannot ask."""
    say = words(args)
    command = [sys.executable, "-m", "agent.onvif.discovery", str(args.seconds), *filter(None, [args.interface])]
    asked = subprocess.run(  # noqa: S603 - our own module, and the arguments are its own
        command, capture_output=True, timeout=args.seconds + _START_SEC, check=False
    )
    if asked.returncode:
        why = asked.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Stop(Exit.UNAVAILABLE, say("discover_failed", why=why))
    found = FoundList.validate_json(asked.stdout)
    if args.json:
        print(asked.stdout.decode())  # noqa: T201
    elif found:
        columns = [say(column) for column in ("col_address", "col_name", "col_hardware", "col_service")]
        tables.show(columns, map(_row, found))
    else:
        print(say("discover_none", seconds=f"{args.seconds:g}"))  # noqa: T201
    return Exit.OK if found else Exit.DEGRADED


def _row(device: Found) -> tuple[str, ...]:
    return device.host, device.name, device.hardware, device.services[0]
