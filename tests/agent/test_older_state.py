"""State folders of other versions: `older/` holds what the first version's own code wrote."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.cli import main
from agent.journal import Journal, JournalError, JournalThread
from agent.journal.schema import VERSION
from agent.schedule.reconciler import Due
from agent.state import AgentState

OLDER = Path(__file__).parent / "older"
SLICE_ID = 1795391999000


@pytest.fixture
def first_journal(tmp_path: Path) -> Iterator[Path]:
    """A journal of the first version, as a killed daemon leaves it: everything still in the write-ahead log."""
    path = tmp_path / "state/journal.sqlite"
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.executescript((OLDER / "journal-1.sql").read_text())
        left = tmp_path / "left"
        shutil.copytree(path.parent, left)
    shutil.rmtree(path.parent)
    left.rename(path.parent)
    assert path.with_name("journal.sqlite-wal").stat().st_size > path.stat().st_size
    yield path


def rows(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return sorted(line for line in db.iterdump() if line.startswith("INSERT"))


def set_aside_in(folder: Path) -> list[Path]:
    return list(folder.glob("journal.sqlite.damaged-*"))


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_the_first_journal_is_renewed_and_a_copy_of_it_kept(first_journal: Path) -> None:
    with pytest.raises(JournalError, match="start this one once"):
        Journal(first_journal, read_only=True)
    journal = Journal(first_journal)
    try:
        assert journal.watched_until() is None
        journal.watched(1795400000.0)
        assert [one.slice_inx for one in journal.slices_of(SLICE_ID)] == [1, 2, 3]
        recording = journal.recording(SLICE_ID)
        assert recording is not None and recording.title == "语文"
    finally:
        journal.close()
    copy = first_journal.with_name("journal.sqlite.v1")
    assert (version(first_journal), version(copy)) == (VERSION, 1)
    assert rows(copy) == [line for line in rows(first_journal) if '"life"' not in line]
    assert len(rows(copy)) == 5
    before = copy.stat()
    Journal(first_journal).close()
    assert copy.stat() == before


def test_one_that_had_the_mark_already_keeps_it(first_journal: Path) -> None:
    with closing(sqlite3.connect(first_journal)) as db:
        db.execute(
            "CREATE TABLE life (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), alive_at REAL NOT NULL) STRICT"
        )
        db.execute("INSERT INTO life VALUES (1, 1795390000.0)")
        db.commit()
    journal = Journal(first_journal)
    assert journal.watched_until() == 1795390000.0
    journal.close()


def test_no_room_for_the_copy_stops_nobody(first_journal: Path, caplog: pytest.LogCaptureFixture) -> None:
    (first_journal.with_name("journal.sqlite.v1") / "in the way").mkdir(parents=True)
    Journal(first_journal).close()
    assert version(first_journal) == VERSION
    assert "no copy of the older journal" in caplog.text


def test_the_first_state_file_is_understood(tmp_path: Path) -> None:
    shutil.copy(OLDER / "agent-1.json", tmp_path / "agent.json")
    state = AgentState(tmp_path)
    assert (state.known.gather_id, state.known.rev, state.wanted) == (3, 9, {7: False})
    assert [entry.title for entry in state.manual] == ["talk"]
    assert [course.course_id for course in state.timetable(ZoneInfo("Asia/Shanghai")).courses] == [1]


@pytest.mark.parametrize("which", ["agent.json", "journal.sqlite"])
def test_a_newer_one_is_refused_and_not_touched(
    tmp_path: Path, which: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    file = tmp_path / "state" / which
    file.parent.mkdir()
    if which == "agent.json":
        file.write_text('{"version": 99, "what": "ever"}')
    else:
        with closing(sqlite3.connect(file)) as db:
            db.execute("PRAGMA user_version = 99")
    before = file.read_bytes()
    assert main(["run", "--home", str(tmp_path)]) == 78
    said = capsys.readouterr().err
    assert "newer gather-agent" in said and "Install that version again" in said and "Traceback" not in said
    assert file.read_bytes() == before


async def test_a_journal_that_is_damaged_while_lessons_run_is_replaced_by_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.sqlite"
    journal, renewed = JournalThread(path), asyncio.Event()
    journal.on_renewed = renewed.set
    for n in range(300):
        await journal.do(Journal.open_recording, Due(f"lesson {n}", 1, 7, 1000.0, 3700.0, title="x" * 200), 1000.0)
    await journal.do(lambda one: one._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    await journal.do(lambda one: one._db.execute("PRAGMA cache_size=0").fetchall())
    with path.open("r+b") as file:
        file.seek(4096)  # behind the header, which stays whole: what a start looks at is well
        file.write(b"\xaa" * (path.stat().st_size - 4096))
    due = Due("lesson 300", 1, 7, 2000.0, 4700.0)
    slice_id = (await journal.do(Journal.open_recording, due, 2000.0)).slice_id
    async with asyncio.timeout(10):
        await renewed.wait()
    assert [row.slice_id for row in await journal.do(Journal.open_recordings)] == [slice_id]
    await journal.close()
    (aside,) = set_aside_in(tmp_path)
    assert aside.name in caplog.text
    with closing(sqlite3.connect(path)) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_damaged_journal_is_set_aside_and_costs_no_lesson(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, whatever else it is" * 100)
    journal = JournalThread(path)
    await journal.do(Journal.watched, 1.0)
    await journal.close()
    (aside,) = set_aside_in(tmp_path)
    assert aside.read_bytes() == b"not a database, whatever else it is" * 100
    assert str(aside) in caplog.text
