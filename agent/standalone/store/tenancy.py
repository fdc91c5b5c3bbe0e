"""One server at a time on a database that several machines reach.

Two of them would each answer for half of the agents, and remember (`totals`) what the other has changed.  The right to
the database is an advisory lock of PostgreSQL's, held by a session on a connection of its own: it ends with that
connection, however the server ended, and the next one may begin.

A connection may also end while its server lives on, and the lock go to another one meanwhile.  So the holder writes its
token into the database, and every transaction that has written something ends by looking whether that is still its own.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from typing import Literal

from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from agent.standalone.settings import SettingsError
from agent.standalone.store.schema import Meta

TAKE_SEC = 3.0
"""So long one that is just ending is waited for."""
LOOK_SEC = 2.0
"""So often the holder looks whether its connection is still there."""
_RETRY_SEC = 0.2
_KEY = (0x67617468, 0x6572)  # "gather", and nobody else's
_HELD_BY = "server"
# A machine that lost its power says no good-bye: PostgreSQL is to find that out within half a minute.
_SETTINGS = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "idle_session_timeout": "0",  # of version 14 on
}
_SET = text("SELECT set_config(name, :value, false) FROM pg_settings WHERE name = :name")
_TRY = text("SELECT pg_try_advisory_lock(:first, :second)").bindparams(first=_KEY[0], second=_KEY[1])
_HOLDER = text(
    "SELECT a.application_name, host(a.client_addr), extract(epoch FROM a.backend_start)"
    " FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.classid = :first AND l.objid = :second AND l.granted"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
).bindparams(first=_KEY[0], second=_KEY[1])

log = logging.getLogger(__name__)

Standing = Literal["held", "away", "taken"]


class DatabaseTaken(SettingsError):
    """Another server has the database."""


class Ousted(Exception):
    """Another server has taken the database while this one was cut off from it: nothing more is written here."""

    def __init__(self) -> None:
        super().__init__("another server has taken the database; nothing is written by this one")


class Tenancy:
    """The right to one PostgreSQL database. `take` comes first; then any thread may call the others."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._token = uuid.uuid4().hex
        self._connection: Connection | None = None
        self._standing: Standing = "held"
        self._turn = threading.Lock()
        self._closed = False

    def take(self, wait_sec: float | None = None) -> None:
        """Get the lock; `DatabaseTaken` says who has it. Then make this server the one that may write."""
        give_up = time.monotonic() + (TAKE_SEC if wait_sec is None else wait_sec)
        connection = self._engine.connect()
        try:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # it outlives what the pool does
            for name, value in (*_SETTINGS.items(), ("application_name", _name())):
                connection.execute(_SET, {"name": name, "value": value})
            while not connection.scalar(_TRY):
                _wait(connection, give_up)
            self._claim()
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def look(self) -> Standing:
        """Whether the lock is still held; taken again where its connection was lost."""
        with self._turn:
            if self._closed or self._is_there():
                return "held"
            try:
                self.take(wait_sec=0.0)
            except DatabaseTaken as error:
                if self._standing != "taken":
                    log.error("nothing is written any more: %s", error)
                self._standing = "taken"
            except DBAPIError as error:
                log.debug("the database is away: %s", error.orig)
                self._standing = "away"
            else:
                log.warning("the database is this server's again")
                self._standing = "held"
            return self._standing

    def _is_there(self) -> bool:
        connection = self._connection
        if connection is None:
            return False
        try:
            connection.scalar(text("SELECT 1"))
        except DBAPIError:
            log.warning("the connection that keeps other servers from the database is lost")
            self._drop()
            return False
        return True

    def check(self, session: Session) -> None:
        """Before the commit of something that was written: `Ousted` where another server has the database.

        It waits for one that is just taking it, and one that wants to take it waits for this transaction.
        """
        mine = select(Meta.name).where(Meta.name == _HELD_BY, Meta.value == self._token)
        if session.scalar(mine.with_for_update(read=True)) is None:
            raise Ousted

    def release(self) -> None:
        """Let others have it, for good."""
        with self._turn:
            self._closed = True
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.close()

    def _claim(self) -> None:
        with self._engine.begin() as connection:
            Meta.metadata.create_all(connection, tables=[Meta.metadata.tables["meta"]])
            changed = connection.execute(update(Meta).where(Meta.name == _HELD_BY).values(value=self._token))
            if not changed.rowcount:
                connection.execute(insert(Meta).values(name=_HELD_BY, value=self._token))


def _wait(connection: Connection, give_up: float) -> None:
    if time.monotonic() >= give_up:
        raise DatabaseTaken(_taken(connection))
    time.sleep(_RETRY_SEC)


def _name() -> str:
    """What PostgreSQL is told of this session: at most 63 bytes are kept."""
    process = f", process {os.getpid()}"
    host = socket.gethostname().encode("ascii", "replace").decode()
    return f"gather-agent on {host}"[: 63 - len(process)] + process


def _taken(connection: Connection) -> str:
    found = connection.execute(_HOLDER).first()
    who = "another server"
    if found is not None and found[0]:  # to a role that is not its own, PostgreSQL does not say
        name, address, since = found
        where = f" ({address})" if address else ""
        who = f"{name}{where}, since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(float(since)))}"
    return (
        f"database: {who} has it, and two servers on one database would undo each other's work. Stop that one, or give "
        "this one a database of its own. One whose machine has died loses it within half a minute: try again then"
    )
