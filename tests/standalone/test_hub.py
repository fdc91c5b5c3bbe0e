"""Changes that are asked for at the same time share a commit, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.standalone.hub import Hub, Order
from agent.standalone.store.database import Database
from agent.standalone.store.schema import Subject
from agent.standalone.store.sealed import Vault
from agent.wire.commands import CameraRef
from tests.standalone.databases import ON_EVERY_DATABASE
from tests.standalone.helpers import TUESDAY

AGENT = 7
Work = Callable[[Session], tuple[int, list[Order]]]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, Vault(Vault.new_key()))
    await database.open(TUESDAY)
    yield database
    await database.close()


def added(name: str, order: int) -> Work:
    """Enters a subject, and leaves it to others to flush; the answer is how many of this name there were before."""

    def work(session: Session) -> tuple[int, list[Order]]:
        before = session.scalar(select(func.count()).where(Subject.subject_name == name)) or 0
        session.add(Subject(subject_name=name, created=TUESDAY, updated=TUESDAY))
        return before, [Order(AGENT, "start_camera", order, CameraRef(camera_id=order))]

    return work


def refused(session: Session) -> tuple[int, list[Order]]:
    session.add(Subject(subject_name="天文", created=TUESDAY, updated=TUESDAY))
    session.flush()
    raise ValueError("not this one")


def names(session: Session) -> list[str]:
    return list(session.scalars(select(Subject.subject_name).where(Subject.subject_name.in_(("天文", "地质")))))


@ON_EVERY_DATABASE
async def test_one_that_fails_spoils_no_other(database: Database) -> None:
    hub = Hub(database, answer_seconds=0.01)
    works: list[Work] = [added("天文", 1), refused, added("地质", 2), refused, added("地质", 3)]
    outcomes: list[Any] = await asyncio.gather(*map(hub.change, works), return_exceptions=True)
    assert [type(one) for one in outcomes] == [tuple, ValueError, tuple, ValueError, tuple]
    assert [one[0] for one in outcomes if isinstance(one, tuple)] == [0, 0, 1]
    assert sorted(await database.run(names)) == ["地质", "地质", "天文"]


@ON_EVERY_DATABASE
async def test_agents_are_told_in_the_order_of_the_changes_also_of_whoever_has_gone(database: Database) -> None:
    hub = Hub(database, answer_seconds=0.01)
    connection = hub.open(AGENT)
    hub._connections[AGENT] = connection
    asking = [asyncio.create_task(hub.change(added("天文", number))) for number in range(40)]
    await asyncio.sleep(0)
    for gone in asking[::3]:
        gone.cancel()
    outcomes: list[Any] = await asyncio.gather(*asking, return_exceptions=True)
    seen = {number: one[0] for number, one in enumerate(outcomes) if isinstance(one, tuple)}
    assert seen == {number: number for number in range(40) if number % 3}, "each sees the ones before it"
    told = [json.loads(connection.outbox.get_nowait())["rev"] for _ in range(connection.outbox.qsize())]
    assert told == list(range(40))
    assert len(await database.run(names)) == 40
