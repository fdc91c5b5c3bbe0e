"""Ready to record, and what is in the way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.journal import JournalThread
from agent.monitoring import readiness
from agent.monitoring.readiness import TURN_SEC, Readiness
from tests.agent.simulated import SimulatedClock


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[JournalThread]:
    journal = JournalThread(tmp_path / "journal.sqlite")
    yield journal
    await journal.close()


async def failing(asked: Readiness) -> dict[str, str]:
    return {check.name: check.detail for check in await asked.checks() if not check.ok}


async def test_ready_and_nothing_is_left_behind(journal: JournalThread, tmp_path: Path) -> None:
    media = tmp_path / "slices"
    media.mkdir()
    asked = Readiness(journal, media, SimulatedClock(0), lambda: 0.0)
    assert {check.name for check in await asked.checks()} == {"config", "journal", "media", "reconciler"}
    assert await failing(asked) == {}
    assert list(media.iterdir()) == []


async def test_a_missing_folder_and_a_reconciler_that_stands(journal: JournalThread, tmp_path: Path) -> None:
    clock = SimulatedClock(0)
    turned: list[float | None] = [None]
    asked = Readiness(journal, tmp_path / "unmounted", clock, lambda: turned[-1])
    found = await failing(asked)
    assert found.keys() == {"media", "reconciler"}
    assert "No such file" in found["media"] and found["reconciler"] == "starting"
    turned.append(0.0)
    clock.pass_(TURN_SEC + 1)
    assert (await failing(asked))["reconciler"] == "last came round 21 s ago"


async def test_a_disk_that_hangs_is_not_ready_and_costs_one_thread(
    journal: JournalThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked_times = threading.Event(), []

    def hangs(folder: Path) -> str:
        asked_times.append(folder)
        answers.wait(30)
        return ""

    monkeypatch.setattr(readiness, "_write", hangs)
    monkeypatch.setattr(readiness, "ANSWER_SEC", 0.05)
    asked = Readiness(journal, tmp_path, SimulatedClock(0), lambda: 0.0)
    try:
        for _ in range(3):
            assert "no answer" in (await failing(asked))["media"]
        assert len(asked_times) == 1
    finally:
        answers.set()
    assert asked._probe is not None
    await asyncio.wait([asked._probe])
    monkeypatch.setattr(readiness, "ANSWER_SEC", 30.0)
    assert await failing(asked) == {}


async def test_a_journal_that_is_closed_is_named(tmp_path: Path) -> None:
    journal = JournalThread(tmp_path / "journal.sqlite")
    await journal.do(lambda opened: opened.close())
    assert "journal" in await failing(Readiness(journal, tmp_path, SimulatedClock(0), lambda: 0.0))
    await journal.close()


async def test_a_journal_that_cannot_be_written_is_named(journal: JournalThread, tmp_path: Path) -> None:
    asked = Readiness(journal, tmp_path, SimulatedClock(0), lambda: 0.0, lambda: "disk is full")
    assert await failing(asked) == {"journal": "disk is full"}
