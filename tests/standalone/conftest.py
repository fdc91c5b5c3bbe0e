"""A running server, a caller of its API, and an agent."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from argon2 import PasswordHasher

from agent.standalone.console import passwords
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.standalone.store.database import Database
from agent.standalone.store.sealed import Vault
from tests.servers.postgres import Postgres, postgres
from tests.standalone.helpers import TUESDAY, Api, FakeClock, ScriptedAgent


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real argon2id with the least work, so that signing in costs a millisecond."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is empty: SQLite, unless `ON_EVERY_DATABASE` says otherwise."""
    if getattr(request, "param", "sqlite") == "sqlite":
        (tmp_path / "server").mkdir(mode=0o700, exist_ok=True)
        return f"sqlite:///{tmp_path / 'server' / 'server.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.database()


@pytest.fixture(scope="session")
def first_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first start makes, which takes four times as long as to open it: made once."""
    path = tmp_path_factory.mktemp("database") / "server.sqlite"
    path.touch(mode=0o600)
    asyncio.run(_made(Database(f"sqlite:///{path}", Vault(Vault.new_key()))))
    return path


async def _made(database: Database) -> None:
    await database.open(TUESDAY)
    await database.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str, first_database: Path, request: pytest.FixtureRequest) -> ServerSettings:
    """The server's settings; a test may give some of its own as (indirect) parameter."""
    own = "" if database_url.startswith("sqlite") else database_url
    if not own:
        shutil.copy(first_database, tmp_path / "server")
    given: dict[str, str] = getattr(request, "param", {})
    made = ServerSettings(data_dir=tmp_path / "server", timezone="Asia/Shanghai", database_url=own)
    return replace(made, **given)  # type: ignore[arg-type]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # takes cookies of addresses, not only of names
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture
async def server(settings: ServerSettings, clock: FakeClock) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(settings, clock)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def api(server: EmbeddedServer, http: aiohttp.ClientSession) -> Api:
    api = Api(http, server)
    await api.sign_in()
    return api


@pytest.fixture
async def agent(server: EmbeddedServer, http: aiohttp.ClientSession) -> ScriptedAgent:
    agent = ScriptedAgent(server, http)
    await agent.register()
    return agent
