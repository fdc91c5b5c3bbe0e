"""Totals of lists are remembered, and never old."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from agent.standalone.api.paging import Listed, page
from agent.standalone.api.params import Params
from agent.standalone.store import totals
from agent.standalone.store.database import Database
from agent.standalone.store.schema import Course, Subject
from agent.standalone.store.sealed import Vault
from agent.standalone.store.totals import Totals
from tests.standalone.databases import ON_EVERY_DATABASE
from tests.standalone.helpers import TUESDAY
from tests.standalone.store.test_statements import counted

STAMPS = {"created": TUESDAY, "updated": TUESDAY}
SEEDED = 18


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, Vault(Vault.new_key()))
    await database.open(TUESDAY)
    yield database
    await database.close()


def total(session: Session, *where: Any) -> int:
    """What the list of subjects says."""
    listed = Listed(Subject.subject_id, (Subject.subject_id.desc(),), select(Subject), where)
    found: int = page(session, listed, Params({}), lambda _row: {})["total_num"]
    return found


@ON_EVERY_DATABASE
async def test_every_way_of_changing_a_table_is_seen(database: Database) -> None:
    async def seen() -> tuple[int, int]:
        return await database.run(total), await database.run(total, Subject.subject_name == "天文")

    assert await seen() == (SEEDED, 0)
    await database.run(lambda session: session.add(Subject(subject_name="天文", **STAMPS)))
    assert await seen() == (SEEDED + 1, 1)
    await database.run(lambda session: session.execute(insert(Subject).values(subject_name="天文", **STAMPS)))
    assert await seen() == (SEEDED + 2, 2)
    await database.run(
        lambda session: session.execute(
            update(Subject).where(Subject.subject_name == "天文").values(subject_name="地质")
        )
    )
    assert await seen() == (SEEDED + 2, 0)
    await database.run(lambda session: setattr(session.get_one(Subject, 1), "subject_name", "天文"))
    assert await seen() == (SEEDED + 2, 1)
    await database.run(lambda session: session.execute(delete(Subject).where(Subject.subject_name == "地质")))
    assert await seen() == (SEEDED, 1)
    await database.run(lambda session: session.delete(session.get_one(Subject, 1)))
    assert await seen() == (SEEDED - 1, 0)


@ON_EVERY_DATABASE
async def test_what_was_rolled_back_was_nothing(database: Database) -> None:
    def fails(session: Session) -> None:
        session.add(Subject(subject_name="天文", **STAMPS))
        session.flush()
        assert total(session) == SEEDED + 1
        raise RuntimeError

    assert await database.run(total) == SEEDED
    with pytest.raises(RuntimeError):
        await database.run(fails)
    assert await database.run(total) == SEEDED


async def test_it_is_counted_once_while_other_tables_change(database: Database) -> None:
    with counted(database) as sent:
        for _ in range(3):
            await database.run(total)
            await database.run(lambda session: session.execute(delete(Course)))
    assert len([line for line in sent if "count(" in line]) == 1


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MOST", 2)
    known = Totals()
    asked: list[int] = []

    def count(number: int) -> int:
        def ask() -> int:
            asked.append(number)
            return number

        return known.get(("x",), number, ask, lambda _: True)

    assert [count(number) for number in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    assert asked == [1, 2, 3, 2]
