"""The documentation against the program: each alarm has its advice, each link leads somewhere, each command exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from agent.cli.arguments import parser
from agent.monitoring.alarms import NOT_RECORDING
from agent.spool.disk import DiskState
from agent.wire.live_causes import LIVE_CAUSES
from recorder.specs import AlarmKind, Cause, LiveCause

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("README*.md")])
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
ids = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def rows(text: str) -> set[str]:
    """The words that a table's first column explains."""
    firsts = (line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    return {word for first in firsts for word in re.findall(r"`([^`]+)`", first)}


def troubles() -> Iterator[str]:
    """What recorders tell beside alarms."""
    for path in (ROOT / "recorder").rglob("*.py"):
        yield from re.findall(r'Trouble\(\s*"(\w+)"', path.read_text(encoding="utf-8"))


def test_everything_that_can_be_wrong_has_its_advice() -> None:
    can_be = {NOT_RECORDING, "clock", "disk", *get_args(AlarmKind), *get_args(Cause), *get_args(DiskState), *troubles()}
    assert can_be - rows(OPERATIONS) == set()
    assert len(can_be) > 25


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    heads = re.findall(r"^#+ (.*)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@ids
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        to = page.parent / path if path else page
        assert to.exists(), target
        assert not anchor or anchor in anchors(to), target


def commands() -> set[str]:
    found = next(action for action in parser()._actions if action.dest == "module" or action.choices)
    assert found.choices is not None
    return set(found.choices)


@ids
def test_every_command_exists(page: Path) -> None:
    typed = re.findall(
        r"(?:`|^    (?:\S+ )??)gather-agent ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(typed) <= commands()


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\((\w[\w-]*\.md)\)", index))
    assert named == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_every_cause_of_a_push_has_its_words_and_its_row() -> None:
    said = {*get_args(LiveCause), "pending"}
    assert LIVE_CAUSES.keys() == said | {""}
    assert all(bool(english) == bool(chinese) for _, _, english, chinese in LIVE_CAUSES.values())
    assert rows((ROOT / "docs/live.md").read_text(encoding="utf-8")) == said
