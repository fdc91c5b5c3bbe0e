"""`gather-agent logs`: the unit's journal where systemd keeps one, else the log file below `--home`; secrets hidden."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from agent import logs
from agent.cli.common import asked, words
from agent.cli.exits import Exit, Stop

UNIT = "gather-agent.service"
FOLLOW_SEC = 0.5


def run(args: argparse.Namespace) -> int:
    """Exit code 0, 69 where no log is found."""
    config = asked(args).config
    logs.conceal(config.server.enrol_key.get_secret_value())
    file = (args.home.absolute() if args.home else config.paths.state) / "log"
    if args.home is None and _journal_has_unit():
        lines = _from_journal(args.lines, args.follow)
    elif file.is_file():
        lines = _from_file(file, args.lines, args.follow)
    else:
        raise Stop(Exit.UNAVAILABLE, words(args)("logs_none", unit=UNIT, file=file))
    with contextlib.suppress(KeyboardInterrupt):
        for line in lines:
            text = logs.redact(line.rstrip("\n"))
            print(json.dumps({"line": text}, ensure_ascii=False) if args.json else text, flush=True)  # noqa: T201
    return Exit.OK


def _journal_has_unit() -> bool:
    if shutil.which("journalctl") is None:
        return False
    asked = ["journalctl", "--unit", UNIT, "--lines=1", "--quiet", "--output=cat"]
    done = subprocess.run(asked, capture_output=True, check=False, timeout=10)  # noqa: S603 - fixed words
    return done.returncode == 0 and bool(done.stdout.strip())


def _from_journal(lines: int, follow: bool) -> Iterator[str]:
    command = ["journalctl", "--unit", UNIT, f"--lines={lines}", "--output=short-iso", "--no-pager"]
    command += ["--follow"] if follow else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - the same
        assert process.stdout is not None
        try:
            yield from process.stdout
        finally:
            process.terminate()


def _from_file(path: Path, lines: int, follow: bool) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from deque(file, maxlen=lines)
        while follow:
            line = file.readline()
            if line:
                yield line
            else:
                time.sleep(FOLLOW_SEC)
