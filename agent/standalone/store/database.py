"""The engine, and the one way to it: a function that runs in a transaction, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from agent.standalone.settings import SettingsError
from agent.standalone.store.schema import SCHEMA_VERSION, Base, Meta
from agent.standalone.store.seed import first_rows

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Database:
    """Sessions on one database.

    SQLite gets a single thread: it has one writer anyway, and so nobody ever waits for a lock. WAL with
    `synchronous=FULL` makes a commit durable before the answer that speaks of it.
    """

    def __init__(self, url: str) -> None:
        try:
            single = make_url(url).get_backend_name() == "sqlite"
            self._engine = create_engine(url, hide_parameters=True)  # values may be secrets, errors are logged
        except (ArgumentError, ImportError) as error:
            raise SettingsError(f"database_url: {error}") from error
        if single:
            event.listen(self._engine, "connect", _tune_sqlite)
        self._closed = False
        self._threads = ThreadPoolExecutor(1 if single else 8, thread_name_prefix="database")

    async def open(self, now: float) -> None:
        """Make the tables and the first rows where there are none; `SettingsError` when a newer version made them."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._prepare, now)

    async def run(self, work: Callable[Concatenate[Session, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run `work(session, ...)` in one transaction; what it raises rolls back."""
        call = partial(self._transaction, work, args, kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def close(self) -> None:
        """End the threads and close the connections; closed is closed also when asked twice."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._threads, self._engine.dispose)
        self._threads.shutdown()

    def _transaction(self, work: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _T:
        with Session(self._engine, autoflush=False, expire_on_commit=False) as session, session.begin():
            return work(session, *args, **kwargs)

    def _prepare(self, now: float) -> None:
        Base.metadata.create_all(self._engine, tables=[Base.metadata.tables["meta"]])
        with Session(self._engine) as session, session.begin():
            version = session.get(Meta, "schema")
            if version is not None:
                _check_version(version.value)
            Base.metadata.create_all(session.connection())  # a database of before may lack a table
            if version is not None:
                return
            first_rows(session, now)
            session.add(Meta(name="schema", value=str(SCHEMA_VERSION)))


def _check_version(found: str) -> None:
    if int(found) > SCHEMA_VERSION:
        raise SettingsError(
            f"the database is of schema version {found}, this program knows {SCHEMA_VERSION}: "
            "a newer version of the program wrote it, please run that one"
        )


def _tune_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
