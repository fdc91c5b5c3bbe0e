"""What the package makes of the program's own parser: a man page and the completion for bash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.arguments import parser
from tests.test_docs import commands

ROOT = Path(__file__).parents[1]


def made(kind: str) -> str:
    # -S: as on a machine that builds the package, with no library but Python's own.
    command: list[str | Path] = [sys.executable, "-S", ROOT / "debian/from_parser.py", kind]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("enr", {"enrol"}),
        ("record ", {"start", "stop"}),
        ("record st", {"start", "stop"}),
        ("uploads p", {"pause"}),
        ("enrol --a", {"--again"}),
        ("record start 7 --mi", {"--minutes"}),
        ("nonsense --", set()),
    ],
)
def test_what_bash_offers(tmp_path: Path, typed: str, offered: set[str]) -> None:
    (tmp_path / "completion").write_text(made("bash"))
    words = ["gather-agent", *typed.split(" ")]
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _gather_agent; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    script = f"source {tmp_path}/completion; {asked}"
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) == offered


def test_the_man_page_names_every_command() -> None:
    page = made("man").replace("\\-", "-")
    assert {line.split()[1] for line in page.splitlines() if line.startswith(".B ")} >= commands()
    assert str(parser().description) in page
