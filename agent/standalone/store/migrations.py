"""From each version of the schema to the next.

A new database is made whole from `schema` and never passes here; an old one takes the steps that it has not taken, all
in one transaction. A step says what it does in its own words (SQL, tables of its own), because `schema` goes on while
the step must stay what it was: `tests/standalone/store/test_migrations.py` holds both ways against each other.

To change the schema: change `schema`, append a step here. A step that has been released is never changed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import JSON, BigInteger, Column, Connection, Float, ForeignKey, Integer, MetaData, Table, Text, text

from agent.standalone.settings import SettingsError
from agent.standalone.store.sealed import vault_of

Step = Callable[[Connection], None]
SEALED_SINCE = 4
"""The version from which on cameras' passwords are not clear in the database."""

_Id = BigInteger().with_variant(Integer, "sqlite")


def migrate(connection: Connection, found: int) -> None:
    """Take a database of version `found` to `VERSION`, within the connection's transaction."""
    for step in STEPS[found - 1 :]:
        step(connection)


def check_version(found: str) -> int:
    """The version of a database; `SettingsError` when this program does not know it."""
    version = int(found) if found.isdecimal() else 0
    if version > VERSION:
        raise SettingsError(
            f"the database is of schema version {found}, this program knows {VERSION}: "
            "a newer version of the program wrote it, please run that one"
        )
    if version < 1:
        raise SettingsError(f"the database names a schema version {found!r}, which no program ever wrote")
    return version


def keep_copy(database: Path, version: int) -> Path:
    """Copy an SQLite database as it is before its migration, beside it; `SettingsError` when there is no room.

    A copy that is there already stays: it is of the first attempt. Cameras' passwords that stood clear in it are left
    out: whoever goes back to the older version types them again, and no file that nobody looks at gives them away.
    """
    copy = database.with_name(f"{database.name}.schema-{version}")
    if copy.exists():
        return copy
    unfinished = copy.with_name(copy.name + ".part")
    try:
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(unfinished)) as new:
            old.backup(new)
            if version < SEALED_SINCE:
                _leave_passwords_out(new)
        unfinished.replace(copy)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            unfinished.unlink()
        raise SettingsError(f"{copy}: the database cannot be copied before its migration: {error}") from error
    return copy


def _leave_passwords_out(copy: sqlite3.Connection) -> None:
    copy.execute("UPDATE camera SET device_pass = ''")
    for camera_id, url in copy.execute("SELECT camera_id, stream_url FROM camera").fetchall():
        # A raw password may hold anything: rather too much left out than too little.
        bare = re.sub(r"://\S*@", "://", url)
        copy.execute("UPDATE camera SET stream_url = ? WHERE camera_id = ?", (bare, camera_id))
    copy.commit()
    copy.execute("VACUUM")  # into pages in which nothing is left of what they were


def _lists_and_people(connection: Connection) -> None:
    """2: indexes in the order of the lists, for a million records; accounts, sessions, who changed what."""
    for index in ("ix_record_started", "ix_record_gather_id", "ix_record_course_id", "record_by_camera"):
        connection.execute(text(f"DROP INDEX IF EXISTS {index}"))
    connection.execute(text("CREATE INDEX record_by_start ON record (started, record_id)"))
    for name in ("camera", "gather", "course"):
        columns = f"{name}_id, started, record_id"
        connection.execute(text(f"CREATE INDEX record_by_{name} ON record ({columns})"))
    tables = MetaData()
    Table(
        "account",
        tables,
        Column("account_id", _Id, primary_key=True),
        Column("name", Text, nullable=False),
        Column("key", Text, nullable=False, unique=True),
        Column("role", Text, nullable=False),
        Column("password_hash", Text, nullable=False),
        Column("disabled", BigInteger, nullable=False),
        Column("signed_in", Float, nullable=False),
        Column("created", Float, nullable=False),
        Column("updated", Float, nullable=False),
        sqlite_autoincrement=True,
    )
    Table(
        "console_session",
        tables,
        Column("session_id", _Id, primary_key=True),
        Column("cookie_hash", Text, nullable=False, unique=True),
        Column("account_id", _Id, ForeignKey("account.account_id", ondelete="CASCADE"), nullable=False, index=True),
        Column("began", Float, nullable=False),
        Column("seen", Float, nullable=False),
        Column("address", Text, nullable=False),
        Column("browser", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    Table(
        "audit",
        tables,
        Column("audit_id", _Id, primary_key=True),
        Column("at", Float, nullable=False),
        Column("who", Text, nullable=False),
        Column("address", Text, nullable=False),
        Column("what", Text, nullable=False),
        Column("about", JSON, nullable=False),
    )
    tables.create_all(connection)


def _spools(connection: Connection) -> None:
    """3: what agents say of their uploads and disks."""
    tables = MetaData()
    Table("gather", tables, Column("gather_id", _Id, primary_key=True))
    spool = Table(
        "spool",
        tables,
        Column("gather_id", _Id, ForeignKey("gather.gather_id", ondelete="CASCADE"), primary_key=True),
        Column("oldest", Float),
        Column("error", Text, nullable=False),
        Column("paused", BigInteger, nullable=False),
        Column("disk_total", BigInteger, nullable=False),
        Column("disk_state", Text, nullable=False),
    )
    spool.create(connection)


def _sealed(connection: Connection) -> None:
    """4: passwords of devices, and addresses, which may hold one, are sealed. SQLite also wipes what they were."""
    vault = vault_of(connection.dialect)
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA secure_delete = ON"))
    rows = connection.execute(text("SELECT camera_id, device_pass, stream_url FROM camera")).all()
    for camera_id, device_pass, stream_url in rows:
        values = {"id": camera_id, "password": vault.seal(device_pass), "url": vault.seal(stream_url)}
        connection.execute(
            text("UPDATE camera SET device_pass = :password, stream_url = :url WHERE camera_id = :id"), values
        )


def _tokens(connection: Connection) -> None:
    """5: access tokens of API v1, so that one of them can be revoked. Those of before are not there: 1007."""
    token = Table(
        "api_token",
        MetaData(),
        Column("token_id", _Id, primary_key=True),
        Column("made", Float, nullable=False, index=True),
        Column("seen", Float, nullable=False),
        Column("address", Text, nullable=False),
        Column("program", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    token.create(connection)


def _whys(connection: Connection) -> None:
    """6: why an alarm stands, so that it can be told in any language."""
    connection.execute(text("ALTER TABLE alarm ADD COLUMN why TEXT NOT NULL DEFAULT ''"))
    connection.execute(text("ALTER TABLE alarm ADD COLUMN figures JSON NOT NULL DEFAULT '{}'"))


STEPS: tuple[Step, ...] = (_lists_and_people, _spools, _sealed, _tokens, _whys)
"""The first one makes version 2 of version 1."""

VERSION = 1 + len(STEPS)
