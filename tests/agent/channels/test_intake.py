"""What recorders say, taken in: what is news, and a journal that cannot be written."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.channels.intake import Intake
from agent.journal import Journal, JournalThread
from agent.schedule.reconciler import Due
from agent.status import Happening
from recorder.protocol import LinkChanged, RecordingBegan
from tests.agent.spool.filled import FakeClock

LESSON = Due("lesson:1:7:2026-11-23", 1, 7, 1000.0, 3700.0, title="语文")
AWAY = LinkChanged("waiting", "unreachable", "port 554 of camera is closed", 30.0)


class Taken:
    """An intake, and what became of it."""

    def __init__(self, folder: Path) -> None:
        (folder / "slices").mkdir()
        self.clock, self.told, self.looks = FakeClock(), list[Happening](), 0
        self.journal = JournalThread(folder / "journal.sqlite")
        self.intake = Intake(
            self.journal,
            folder / "slices",
            clock=self.clock,
            tell=self.told.append,
            relay=lambda name, data: None,
            on_slice=lambda: None,
            on_report=lambda: None,
            on_link=self._looked,
            on_left_open=lambda: None,
        )

    def _looked(self) -> None:
        self.looks += 1


@pytest.fixture
async def taken(tmp_path: Path) -> AsyncIterator[Taken]:
    taken = Taken(tmp_path)
    yield taken
    await taken.journal.close()


async def test_a_hundred_cameras_away_for_an_hour_are_a_hundred_lines(taken: Taken) -> None:
    for attempt in range(120):
        taken.clock.ahead = 29.0 * attempt
        for camera_id in range(1, 101):
            await taken.intake.take(camera_id, LinkChanged("connecting"))
            await taken.intake.take(camera_id, replace(AWAY, retry_sec=float(attempt)))
    first = [one for one in taken.told if one.data["state"] == "connecting"]
    away = [one for one in taken.told if one.data["state"] == "waiting"]
    assert (len(first), len(away), len(taken.told)) == (100, 100, 200)
    assert taken.looks == len(taken.told), "the server is told of changes, not of attempts"


async def test_a_camera_that_is_back_or_away_for_another_reason_is_news(taken: Taken) -> None:
    told = [AWAY, LinkChanged("connecting"), replace(AWAY, cause="unauthorized"), LinkChanged("connecting")]
    told += [LinkChanged("online", video="h264"), AWAY, LinkChanged("connecting"), LinkChanged("waiting", "timeout")]
    for event in told:
        await taken.intake.take(1, event)
    assert [str(one.data["cause"] or one.data["state"]) for one in taken.told] == [
        *("unreachable", "unauthorized", "online", "unreachable", "timeout")
    ]


async def test_a_sub_stream_has_news_of_its_own(taken: Taken) -> None:
    for event in (AWAY, replace(AWAY, stream="sub"), AWAY, replace(AWAY, stream="sub")):
        await taken.intake.take(1, event)
    assert [one.data["stream"] for one in taken.told] == ["main", "sub"]


async def test_a_full_disk_of_the_journal_costs_no_recording(taken: Taken) -> None:
    def full(journal: Journal) -> None:
        (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
        journal._db.execute(f"PRAGMA max_page_count={pages}")

    await taken.journal.do(full)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for n in range(10_000):
            await taken.journal.do(Journal.open_recording, replace(LESSON, key=f"filler {n}"), 1.0)
    filled = await taken.journal.do(Journal.open_recordings)
    assert filled, "what only asks is answered"
    first = await taken.intake.open_recording(LESSON)
    assert first[0] > 10**12
    assert first[1] == 1
    assert await taken.intake.open_recording(LESSON) == first, "the same recording, however often its recorder dies"
    await taken.intake.take(1, RecordingBegan(first[0], 1000.0))
    await taken.intake.plan_recording(first[0], LESSON)
    await taken.intake.end_recording(first[0], 2000.0)
    await taken.journal.do(lambda journal: journal._db.execute("PRAGMA max_page_count=1000000").fetchone())
    slice_id, _ = await taken.intake.open_recording(LESSON)
    found = await taken.journal.do(Journal.recording, slice_id)
    assert found is not None
    assert found.title == "语文"
