"""Databases of every version of the schema come to the newest, or stay what they were."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, text

from agent.standalone.settings import SettingsError
from agent.standalone.store import migrations
from agent.standalone.store.database import Database, driver_url
from agent.standalone.store.sealed import Vault
from tests.standalone.databases import ON_EVERY_DATABASE
from tests.standalone.helpers import TUESDAY

FIRST = (Path(__file__).parent / "schema_1.sql").read_text(encoding="utf-8").splitlines()[1:]
KEY = Vault.new_key()
GATHER = (
    "INSERT INTO gather VALUES (1, 'uid', 'hash', 1, '', '', '', 'room 301', '', '', 1024, 512, 0, 1, 0, 0, 2, 1, 0.0,"
    " 0, 0, 0, 5.0, 5.0)"
)


CAMERA = (
    "INSERT INTO camera (camera_id, gather_id, grade_id, camera_name, stream_prop, stream_url, stream_mp4, device_ip,"
    " device_user, device_pass, device_cmd_port, device_mirror, device_osd, device_twice, device_show, clicks,"
    " snapshot_key, status, recording, wanted, cause, detail, video, audio, created, updated) VALUES"
    " (1, 1, 1, 'x', 0, 'rtsp://u:plain-in-url@10.0.0.7/', '', '10.0.0.7', 'admin', 'cGxhaW4tcGFzc3dvcmQ=', 0,"
    " 0, 1, 0, 1, 0, 'key', -1, '[]', 1, '', '', '', '', 5.0, 5.0)"
)


def make_first(url: str) -> None:
    """A database as version 1 of the program left it, with a row."""
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        for line in FIRST:
            connection.execute(text(line if engine.dialect.name == "sqlite" else for_postgresql(line)))
        connection.execute(text("INSERT INTO meta VALUES ('schema', '1')"))
        connection.execute(text(GATHER))
        connection.execute(text(CAMERA))
    engine.dispose()


def for_postgresql(line: str) -> str:
    """What SQLAlchemy made of the same tables there."""
    line = line.replace("INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "BIGSERIAL PRIMARY KEY")
    line = re.sub(
        r"TABLE (\w+) \((\w+) INTEGER NOT NULL,(?=.*PRIMARY KEY \(\2\)\))", r"TABLE \1 (\2 BIGSERIAL NOT NULL,", line
    )
    return line.replace("INTEGER", "BIGINT")


def described(url: str) -> dict[str, Any]:
    """Tables, columns, keys and indexes of a database."""
    engine = create_engine(driver_url(url))
    look = inspect(engine)
    found: dict[str, Any] = {}
    for table in look.get_table_names():
        found[table] = {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"]) for column in look.get_columns(table)
            },
            "key": look.get_pk_constraint(table)["constrained_columns"],
            "indexes": {index["name"]: index["column_names"] for index in look.get_indexes(table)},
            "unique": sorted(tuple(each["column_names"]) for each in look.get_unique_constraints(table)),
            "foreign": sorted(
                (key["constrained_columns"][0], key["referred_table"], str(key["options"]))
                for key in look.get_foreign_keys(table)
            ),
        }
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"))
            found["autoincrement"] = sorted(rows.scalars())
    engine.dispose()
    return found


def value(url: str, query: str) -> Any:
    """The one value of a query."""
    engine = create_engine(driver_url(url))
    with engine.connect() as connection:
        found = connection.scalar(text(query))
    engine.dispose()
    return found


async def opened(url: str) -> None:
    """Open and close it once."""
    database = Database(url, Vault(KEY))
    try:
        await database.open(TUESDAY)
    finally:
        await database.close()


@pytest.fixture
def second_url(database_url: str, request: pytest.FixtureRequest) -> str:
    """Another database of the same kind."""
    if database_url.startswith("sqlite"):
        return database_url + ".other"
    return str(request.getfixturevalue("postgres_server").database())


@ON_EVERY_DATABASE
async def test_a_first_database_becomes_what_a_new_one_is(database_url: str, second_url: str) -> None:
    make_first(database_url)
    await opened(database_url)
    await opened(second_url)
    assert described(database_url) == described(second_url)
    assert value(database_url, "SELECT value FROM meta WHERE name = 'schema'") == str(migrations.VERSION)
    assert value(database_url, "SELECT name_set FROM gather") == "room 301"
    assert value(database_url, "SELECT count(*) FROM grade") == 0, "first rows are for a first run"


@ON_EVERY_DATABASE
async def test_a_step_that_fails_leaves_everything_as_it_was(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_first(database_url)
    before = described(database_url)

    def fails(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (x INTEGER)"))
        connection.execute(text("SELECT nonsense FROM nowhere"))

    monkeypatch.setattr(migrations, "STEPS", (migrations.STEPS[0], fails))
    with pytest.raises(SettingsError, match="nowhere"):
        await opened(database_url)
    assert described(database_url) == before
    assert value(database_url, "SELECT value FROM meta WHERE name = 'schema'") == "1"
    monkeypatch.undo()
    await opened(database_url)


async def test_sqlite_is_copied_first(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'server.sqlite'}"
    make_first(url)
    before = described(url)
    await opened(url)
    copy = tmp_path / "server.sqlite.schema-1"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert described(f"sqlite:///{copy}") == before
    assert value(f"sqlite:///{copy}", "SELECT name_set FROM gather") == "room 301"
    changed = copy.stat().st_mtime_ns
    await opened(url)
    assert copy.stat().st_mtime_ns == changed


async def test_without_a_copy_there_is_no_migration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'server.sqlite'}"
    make_first(url)
    (tmp_path / "server.sqlite.schema-1.part").mkdir()
    with pytest.raises(SettingsError, match="cannot be copied before its migration"):
        await opened(url)
    assert value(url, "SELECT value FROM meta WHERE name = 'schema'") == "1"


@ON_EVERY_DATABASE
@pytest.mark.parametrize(("found", "said"), [("99", "newer version"), ("x", "'x'"), ("0", "'0'")])
async def test_what_this_program_does_not_know_is_refused(database_url: str, found: str, said: str) -> None:
    await opened(database_url)
    engine = create_engine(driver_url(database_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE meta SET value = :found WHERE name = 'schema'"), {"found": found})
    engine.dispose()
    with pytest.raises(SettingsError, match=said):
        await opened(database_url)


async def test_a_database_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unable to open"):
        await opened(f"sqlite:///{tmp_path / 'nowhere' / 'x.sqlite'}")


@pytest.mark.integration
async def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="database: postgresql") as error:
        await opened(f"postgresql://somebody:secret-9c1@/school?host={tmp_path}")
    assert "secret-9c1" not in str(error.value)


@ON_EVERY_DATABASE
async def test_passwords_of_before_are_sealed(database_url: str) -> None:
    make_first(database_url)
    await opened(database_url)
    vault = Vault(KEY)
    for column, clear in (("device_pass", "cGxhaW4tcGFzc3dvcmQ="), ("stream_url", "rtsp://u:plain-in-url@10.0.0.7/")):
        kept = value(database_url, f"SELECT {column} FROM camera")
        assert kept.startswith("sealed:") and vault.open(kept) == clear


def test_sqlite_keeps_nothing_of_what_they_were(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'server.sqlite'}"
    make_first(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        for number in range(2, 100):
            more = CAMERA.replace("(1, 1, 1,", f"({number}, 1, 1,").replace("'key'", f"'key {number}'")
            connection.execute(text(more))
    engine.dispose()
    asyncio.run(opened(url))
    for file in tmp_path.glob("server.sqlite*"):
        assert b"cGxhaW4tcGFzc3dvcmQ=" not in file.read_bytes(), file
        assert b"plain-in-url" not in file.read_bytes(), file
    copy = f"sqlite:///{tmp_path / 'server.sqlite.schema-1'}"
    assert value(copy, "SELECT stream_url FROM camera") == "rtsp://10.0.0.7/"
    assert value(copy, "SELECT count(*) FROM camera") == 99
