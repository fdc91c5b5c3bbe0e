"""Deleting files in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from agent.standalone.store import trash
from agent.standalone.store.database import Database
from agent.standalone.store.schema import StoredFile, Trash
from agent.standalone.store.sealed import Vault
from agent.standalone.store.trash import BATCH, Sweeper, keep_after_all, throw_away


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite'}", Vault(Vault.new_key()))
    await database.open(0.0)
    yield database
    await database.close()


def _fill(session: Session) -> None:
    for number in range(3 * BATCH):
        name, path = f"{number}.mp4", f"recordings/{number}.mp4"
        session.add(StoredFile(name=name, gather_id=1, camera_id=number % 2, path=path, size=1, sha256="", created=0.0))


def _left(session: Session) -> tuple[int, int]:
    return session.query(StoredFile).count(), session.query(Trash).count()


@contextmanager
def free(_path: str) -> Iterator[bool]:
    """Nothing arrives."""
    yield True


def into(gone: list[str]) -> Callable[[str], Awaitable[None]]:
    """Deleting that only notes."""

    async def remove(path: str) -> None:
        gone.append(path)

    return remove


async def test_one_file_that_stays_holds_up_no_other(database: Database) -> None:
    gone: list[str] = []

    async def remove(path: str) -> None:
        if path == "recordings/10.mp4":
            raise PermissionError(path)
        gone.append(path)

    await database.run(_fill)
    await database.run(throw_away, StoredFile.camera_id == 0)
    sweeper = Sweeper(database, remove, free)
    task = asyncio.create_task(sweeper.run())
    await asyncio.wait_for(sweeper.idle(), 5)
    assert len(gone) == len(set(gone)) == 3 * BATCH // 2 - 1
    assert await database.run(_left) == (3 * BATCH // 2, 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_file_that_comes_again_stays(database: Database) -> None:
    gone: list[str] = []
    await database.run(_fill)
    await database.run(throw_away, StoredFile.camera_id == 0)
    await database.run(keep_after_all, "recordings/2.mp4")
    sweeper = Sweeper(database, into(gone), free)
    task = asyncio.create_task(sweeper.run())
    await asyncio.wait_for(sweeper.idle(), 5)
    assert "recordings/4.mp4" in gone and "recordings/2.mp4" not in gone
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_outlives_a_database_that_fails(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trash, "RETRY_SECONDS", 0.01)
    gone: list[str] = []
    await database.run(lambda session: session.add(Trash(path="x")))
    await database.run(lambda session: session.execute(text("alter table trash rename to away")))
    sweeper = Sweeper(database, into(gone), free)
    task = asyncio.create_task(sweeper.run())
    await asyncio.wait_for(sweeper.idle(), 5)
    assert "could not be looked up" in caplog.text
    await database.run(lambda session: session.execute(text("alter table away rename to trash")))
    sweeper.wake()
    await asyncio.wait_for(sweeper.idle(), 5)
    assert gone == ["x"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_file_that_arrives_just_now_stays(database: Database) -> None:
    gone: list[str] = []
    asked: list[str] = []

    @contextmanager
    def busy(path: str) -> Iterator[bool]:
        asked.append(path)
        yield path != "a"

    await database.run(lambda session: session.add_all([Trash(path="a"), Trash(path="b")]))
    sweeper = Sweeper(database, into(gone), busy)
    task = asyncio.create_task(sweeper.run())
    await asyncio.wait_for(sweeper.idle(), 5)
    assert (sorted(asked), gone) == (["a", "b"], ["b"])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
