"""Two servers on one PostgreSQL: the second is refused with a name, and what was cut off writes nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import create_engine, text

from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.standalone.store import tenancy
from agent.standalone.store.database import driver_url
from agent.standalone.store.tenancy import DatabaseTaken
from tests.agent.spool.filled import eventually
from tests.servers.postgres import Postgres
from tests.standalone.helpers import Api, FakeClock

pytestmark = pytest.mark.integration

MakeServer = Callable[[str], EmbeddedServer]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenancy, "TAKE_SEC", 0.5)
    monkeypatch.setattr("agent.standalone.store.database.LOOK_SEC", 0.2)


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.database()


@pytest.fixture
def make(tmp_path: Path, url: str, clock: FakeClock) -> MakeServer:
    """A server with a folder of its own on that database."""
    return lambda name: EmbeddedServer(
        ServerSettings(data_dir=tmp_path / name, timezone="Asia/Shanghai", database_url=url), clock
    )


def administrator(url: str, statement: str) -> list[tuple[object, ...]]:
    """Somebody at `psql`."""
    engine = create_engine(driver_url(url), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]
    finally:
        engine.dispose()


HOLDERS = "FROM pg_stat_activity WHERE application_name LIKE 'gather-agent on %' AND datname = current_database()"
END_HOLDER = f"SELECT pg_terminate_backend(pid) {HOLDERS}"


async def test_the_second_is_told_who_has_it_and_may_have_it_afterwards(make: MakeServer, url: str) -> None:
    first, second = make("one"), make("two")
    await first.start()
    try:
        with pytest.raises(DatabaseTaken) as refused:
            await second.start()
        told = str(refused.value)
        assert f"process {os.getpid()}" in told
        assert socket.gethostname()[:20] in told
        assert "Stop that one" in told
        assert administrator(url, f"SELECT count(*) {HOLDERS}") == [(1,)], "who is refused leaves nothing behind"
    finally:
        await first.stop()
    second = make("two")
    await second.start()
    await second.stop()


async def test_two_databases_of_one_postgresql_are_two_databases(
    make: MakeServer, postgres_server: Postgres, tmp_path: Path, clock: FakeClock
) -> None:
    other = EmbeddedServer(
        ServerSettings(tmp_path / "other", timezone="Asia/Shanghai", database_url=postgres_server.database()), clock
    )
    first = make("one")
    await first.start()
    await other.start()
    await first.stop()
    await other.stop()


@pytest.fixture
def foreign(url: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A server in a process of its own, which has the database."""
    program = f"""
import asyncio
from pathlib import Path
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
async def main():
    await EmbeddedServer(ServerSettings(Path({str(tmp_path / "foreign")!r}), database_url={url!r})).start()
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


async def test_when_the_first_is_killed_the_second_begins(
    make: MakeServer, foreign: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatabaseTaken, match=f"process {foreign.pid}, since 20"):
        await make("two").start()
    foreign.send_signal(signal.SIGKILL)
    foreign.wait()
    monkeypatch.setattr(tenancy, "TAKE_SEC", 30.0)
    second = make("two")
    await second.start()
    await second.stop()


async def test_a_connection_that_is_lost_is_made_again(make: MakeServer, http: aiohttp.ClientSession, url: str) -> None:
    first = make("one")
    await first.start()
    try:
        api = Api(http, first)
        await api.sign_in()
        assert administrator(url, END_HOLDER) == [(True,)]
        await api.ok("add_school", name="一中", addr="镇")  # nobody else has it

        async def is_held() -> bool:
            return administrator(url, f"SELECT count(*) {HOLDERS}") == [(1,)]

        await eventually(is_held)
        with pytest.raises(DatabaseTaken):
            await make("two").start()
    finally:
        await first.stop()


async def test_who_was_cut_off_while_another_took_it_writes_nothing_until_that_one_is_gone(
    make: MakeServer, http: aiohttp.ClientSession, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.standalone.store.database.LOOK_SEC", 30.0)  # it looks when the test says so
    first, second = make("one"), make("two")
    await first.start()
    mine = first._services.database._tenancy
    assert mine is not None
    try:
        api = Api(http, first)
        await api.sign_in()
        administrator(url, END_HOLDER)
        monkeypatch.setattr(tenancy, "TAKE_SEC", 30.0)
        await second.start()
        async with http.get(api.url("add_school", {"token": api.token, "name": "一中", "addr": "镇"})) as response:
            assert response.status == 500
        assert mine.look() == "taken"
        assert (await api.ok("list_school"))["total_num"] == 1  # reading is nobody's harm
        other = Api(http, second)
        await other.sign_in()
        await other.ok("add_school", name="二中", addr="镇")
        await second.stop()

        async def is_mine() -> bool:
            return mine.look() == "held"

        await eventually(is_mine)
        await api.ok("add_school", name="三中", addr="镇")
        assert (await api.ok("list_school"))["total_num"] == 3
    finally:
        await second.stop()
        await first.stop()
