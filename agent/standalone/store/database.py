"""The engine, and the one way to it: a function that runs in a transaction, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, create_engine, event, make_url, select, text, update
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from agent.standalone.settings import SettingsError
from agent.standalone.store.migrations import VERSION, check_version, keep_copy, migrate
from agent.standalone.store.schema import Base, Meta
from agent.standalone.store.sealed import Vault, entrust
from agent.standalone.store.seed import first_rows
from agent.standalone.store.tenancy import LOOK_SEC, Tenancy
from agent.standalone.store.totals import Totals, WatchedSession, has_written

_P = ParamSpec("_P")
_T = TypeVar("_T")

_THREADS = 8
"""Of a database that several can write to at once; the pool has ten connections."""

log = logging.getLogger(__name__)


class Database:
    """Sessions on one database; `vault` seals the secrets in it. `alone`: no other server may have it (`tenancy`).

    SQLite gets a single thread: it has one writer anyway, and so nobody ever waits for a lock. WAL with
    `synchronous=FULL` makes a commit durable before the answer that speaks of it.
    """

    def __init__(self, url: str, vault: Vault, *, alone: bool = False) -> None:
        try:
            address = driver_url(url)
            single = address.get_backend_name() == "sqlite"
            # Values may be secrets, errors are logged. A server that was started anew costs nobody an error.
            self._engine = create_engine(address, hide_parameters=True, pool_pre_ping=not single)
        except (ArgumentError, ImportError) as error:
            raise SettingsError(f"database_url: {error}") from error
        if single:
            event.listen(self._engine, "connect", _tune_sqlite)
        entrust(self._engine.dialect, vault)
        self._closed = False
        self._tenancy = Tenancy(self._engine) if alone and not single else None
        self._totals = Totals()
        self._threads = ThreadPoolExecutor(1 if single else _THREADS, thread_name_prefix="database")

    async def open(self, now: float) -> None:
        """Make the tables and the first rows where there are none, and migrate older ones. `SettingsError` when a newer
        version made them, or the database cannot be opened.
        """
        await asyncio.get_running_loop().run_in_executor(self._threads, self._prepare, now)

    async def keep(self) -> None:
        """Until cancelled: see that no other server gets it, and get it back where its server was started anew."""
        while self._tenancy is not None:
            await asyncio.sleep(LOOK_SEC)
            if await asyncio.to_thread(self._tenancy.look) == "taken":
                self._totals.forget()  # another one changes what was counted

    async def run(self, work: Callable[Concatenate[Session, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run `work(session, ...)` in one transaction; what it raises rolls back."""
        call = partial(self._transaction, work, args, kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def run_each(self, works: Sequence[Callable[[Session], _T]]) -> list[_T | Exception]:
        """Run these one after the other in one transaction, and so with one wait for the disk: what each returned.
        Where one of them fails, each runs again, in a transaction of its own: what it returned, or what it raised.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._each, works)

    async def close(self) -> None:
        """End the threads and close the connections; closed is closed also when asked twice."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        if self._tenancy is not None:
            self._tenancy.release()
        self._threads.shutdown()  # first: a connection that is in use outlives its pool
        self._engine.dispose()

    def _transaction(self, work: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _T:
        with WatchedSession(self._engine, self._totals) as session, session.begin():
            value = work(session, *args, **kwargs)
            if self._tenancy is not None and has_written(session):
                self._tenancy.check(session)
            return value

    def _each(self, works: Sequence[Callable[[Session], _T]]) -> list[_T | Exception]:
        if len(works) > 1:
            try:
                return list(self._transaction(_together, (works,), {}))
            except _OneFailed:
                pass
            except Exception as error:  # noqa: BLE001 - as in `_alone`; the commit may have come through: not twice
                return [error for _ in works]
        return [self._alone(work) for work in works]

    def _alone(self, work: Callable[[Session], _T]) -> _T | Exception:
        try:
            return self._transaction(work, (), {})
        except Exception as error:  # noqa: BLE001 - a thread's boundary: it belongs to whoever asked
            return error

    def _prepare(self, now: float) -> None:
        try:
            if self._tenancy is not None:
                self._tenancy.take()
            self._make_or_migrate(now)
        except DBAPIError as error:
            said = _said(error)
            hint = _DAMAGED_HINT if any(sign in said for sign in _DAMAGED) else ""
            raise SettingsError(f"database: {self._engine.url!r}: {said}{hint}") from error

    def _make_or_migrate(self, now: float) -> None:
        with self._engine.begin() as connection:
            Base.metadata.create_all(connection, tables=[Base.metadata.tables["meta"]])
            found = connection.scalar(select(Meta.value).where(Meta.name == "schema"))
        version = VERSION if found is None else check_version(found)
        file = self._engine.url.database
        if version < VERSION and self._engine.dialect.name == "sqlite" and file:
            copy = keep_copy(Path(file), version)
            log.warning("the database is migrated from schema %d to %d; %s is how it was", version, VERSION, copy)
        with Session(self._engine) as session, session.begin():
            if self._engine.dialect.name == "sqlite":
                session.execute(text("BEGIN IMMEDIATE"))  # sqlite3 itself begins no transaction for CREATE
            connection = session.connection()
            if found is None:
                Base.metadata.create_all(connection)
                first_rows(session, now)
                session.add(Meta(name="schema", value=str(VERSION)))
            elif version < VERSION:
                migrate(connection, version)
                session.execute(update(Meta).where(Meta.name == "schema").values(value=str(VERSION)))


class _OneFailed(Exception):
    """Of several works in one transaction, which is rolled back."""


def _together(session: Session, works: Sequence[Callable[[Session], _T]]) -> list[_T]:
    outcomes = []
    for work in works:
        try:
            outcomes.append(work(session))
            session.flush()  # the next one is to see it
        except Exception as error:
            raise _OneFailed from error
    return outcomes


def driver_url(url: str) -> URL:
    """The address with the driver that this program brings (psycopg 3), where it names none."""
    address = make_url(url)
    if address.drivername in ("postgres", "postgresql"):
        return address.set(drivername="postgresql+psycopg")
    return address


_DAMAGED = ("malformed", "not a database")
"""What SQLite says of a damaged file."""
_DAMAGED_HINT = (
    ": put back the copy that you have of it, or save what can be read "
    "(sqlite3 server.sqlite .recover | sqlite3 new.sqlite); recordings are files of their own and still there"
)


def _said(error: DBAPIError) -> str:
    """What the database says, in one line and without the statement."""
    return " ".join(str(error.orig).split())


_PRAGMAS = (
    *("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"),
    "cache_size=-65536",  # KiB, taken as they are needed: the indexes of a million records stay in memory
)


def _tune_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
