"""`gather-agent check`: journal, files and checksums held against each other; changes nothing without `--repair`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

from agent.channels.intake import Intake
from agent.channels.recorders import RecorderHost
from agent.channels.repairs import Repairs
from agent.cli.common import asked, single_instance, words
from agent.cli.exits import Exit, Stop
from agent.clock import SystemClock
from agent.config import Config
from agent.files import holder_of
from agent.journal import Journal, JournalError, JournalThread, SliceState
from agent.spool.checkup import MENDED, Checkup, Finding, check_up
from agent.words import Words, megabytes


def run(args: argparse.Namespace) -> int:
    """Exit code 0 all agrees, 1 something does not and nothing is lost, 2 something recorded is lost or damaged."""
    say, config = words(args), asked(args).config
    path = config.paths.state / "journal.sqlite"
    if not path.exists():
        raise Stop(Exit.UNAVAILABLE, say("check_no_journal", path=path))
    mended = 0
    if args.repair:
        pid = holder_of(config.paths.state)
        if pid:
            raise Stop(Exit.TRY_AGAIN, say("check_running", pid=pid))
        become_owner_of(config.paths.state)
        with single_instance(config.paths.state):
            before = _check(path, config, args.level)
            asyncio.run(_repair(before, config))
            mended = sum(finding.kind in MENDED for finding in before.findings)
    found = _check(path, config, args.level)
    print(json.dumps(_as_json(found, mended), ensure_ascii=False) if args.json else _in_words(found, mended, say))  # noqa: T201
    if found.losses:
        return Exit.NOT_RECORDING
    return Exit.DEGRADED if found.findings else Exit.OK


def become_owner_of(folder: Path) -> None:
    """Root becomes the user whose folder this is: what a repair writes is read by the service afterwards."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def _check(path: Path, config: Config, level: Any) -> Checkup:
    try:
        journal = Journal(path, read_only=True)
    except JournalError as error:
        raise Stop(Exit.NOT_RECORDING, str(error)) from error
    try:
        return check_up(journal, config.paths.media / "slices", level)
    finally:
        journal.close()


async def _repair(found: Checkup, config: Config) -> None:
    """As the daemon repairs at its start; what the server has and this disk has not is called removed, and what nobody
    has becomes a gap of its lesson, for people and for the server.
    """
    slices = config.paths.media / "slices"
    journal = JournalThread(config.paths.state / "journal.sqlite")
    host = RecorderHost()
    intake = Intake(
        journal,
        slices,
        clock=SystemClock(),
        tell=lambda _: None,
        relay=lambda _, __: None,
        on_slice=lambda: None,
        on_report=lambda: None,
        on_link=lambda: None,
        on_left_open=lambda: None,
    )
    try:
        if any(finding.kind in ("open", "unknown") for finding in found.findings):
            await Repairs(host, slices, journal, intake.take).repair_once()
        for finding in found.findings:
            if finding.kind == "gone":
                await journal.do(Journal.advance, finding.stem, SliceState.REMOVED)
            elif finding.kind == "lost":
                await journal.do(Journal.give_up, finding.stem, "the file was gone before it was uploaded")
    finally:
        await host.close()
        await journal.close()


def _as_json(found: Checkup, mended: int) -> dict[str, Any]:
    return {
        "level": found.level,
        "slices": found.slices,
        "files": found.files,
        "bytes": found.size,
        "being_written": found.being_written,
        "repaired": mended,
        "findings": [
            {"kind": one.kind, "path": str(one.path), "stem": one.stem, "about": one.about} for one in found.findings
        ],
    }


def _in_words(found: Checkup, mended: int, say: Words) -> str:
    about = {"slices": found.slices, "files": found.files, "size": megabytes(found.size), "level": found.level}
    lines = [say("check_repaired", count=mended)] if mended else []
    lines.append(say("check_head" if found.findings else "check_fine", **about))
    lines += [_line(finding, say) for finding in found.findings]
    return "\n".join(lines)


def _line(finding: Finding, say: Words) -> str:
    return f"{finding.path.name}: {say(f'check_{finding.kind}', about=finding.about)}"
