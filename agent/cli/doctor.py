"""`gather-agent doctor [ADDRESS ...]`: what is wrong, where, and what to do, with or without a running daemon."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter

from rich.cells import cell_len

from agent import logs
from agent.cli.common import loaded, words
from agent.cli.door import Door, NobodyThere
from agent.cli.exits import Exit, Stop
from agent.config import Config, LoadedConfig
from agent.doctor.examine import Daemon, examine, examine_addresses
from agent.doctor.findings import SEVERITIES, Finding, worst
from agent.status import CamerasView, DaemonView
from agent.words import Words

_CODES = {"ok": Exit.OK, "note": Exit.OK, "warning": Exit.DEGRADED, "error": Exit.NOT_RECORDING}


def run(args: argparse.Namespace) -> int:
    """Exit code 0 nothing to be done, 1 something should be mended, 2 something does not work."""
    say, found = words(args), loaded(args, as_service=True)
    logs.conceal(found.config.server.enrol_key.get_secret_value())
    if sys.stderr.isatty():
        print(say("doctor_looking"), file=sys.stderr)  # noqa: T201
    findings = asyncio.run(_examine(args, found, say))
    if args.json:
        told = {"worst": worst(findings), "findings": [finding.as_json(say.language) for finding in findings]}
        print(json.dumps(told, ensure_ascii=False))  # noqa: T201
    else:
        print("\n".join(lines(findings, say)))  # noqa: T201
    return _CODES[worst(findings)]


async def _examine(args: argparse.Namespace, found: LoadedConfig, say: Words) -> list[Finding]:
    if args.address:
        transport = args.transport or found.config.record.transport
        return await examine_addresses(args.address, found.config, transport, args.user, _password(args))
    as_service = args.home is None and args.config is None
    return await examine(found, await asyncio.to_thread(_daemon, args, found.config), say, as_service=as_service)


def _password(args: argparse.Namespace) -> str:
    if args.password_file is None:
        return ""
    password: str = args.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    logs.conceal(password)
    return password


def _daemon(args: argparse.Namespace, config: Config) -> Daemon:
    door = Door(args, config)
    try:
        return Daemon(door.view("/status", DaemonView)[0], door.view("/cameras", CamerasView)[0])
    except NobodyThere:
        return Daemon()
    except Stop as stop:
        return Daemon(closed=stop.code is Exit.NO_PERMISSION)


def lines(findings: list[Finding], say: Words) -> list[str]:
    """One line a finding, its advice below; the worst last, where a person at a terminal looks."""
    marks = {severity: say(f"severity_{severity}") for severity in SEVERITIES}
    width = max(map(cell_len, marks.values()))
    told = []
    for finding in sorted(findings, key=lambda one: SEVERITIES.index(one.severity)):
        mark = marks[finding.severity]
        told.append(f"{mark}{' ' * (width - cell_len(mark))}  {finding.what(say.language)}")
        if advice := finding.advice(say.language):
            told.append(f"{' ' * width}  -> {advice}")
    count = Counter(finding.severity for finding in findings)
    verdict = "doctor_fine" if worst(findings) in ("ok", "note") else "doctor_found"
    return [*told, "", say(verdict, errors=count["error"], warnings=count["warning"])]
