"""The journal's file: opened, renewed, written in transactions that are on disk when they end (WAL with full sync)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.journal.versions import DamagedJournal, JournalError, prepare, version_of


class JournalFile:
    """One SQLite file, used by one thread at a time (`threaded.JournalThread`)."""

    def __init__(self, path: Path, *, read_only: bool = False, alone: bool = False) -> None:
        """Open it, and make it unless `read_only`, which changes nothing, not even an older one's tables.

        `alone` needs no file of shared memory beside it, for which a full disk has no room, and lets nobody else read.
        """
        self.path, self._alone = path, alone
        self._open, self._shared, self._undone = True, False, False
        try:
            if read_only:
                self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise JournalError(_unusable(path, error)) from error
        try:
            self._prepare(read_only)
        except sqlite3.DatabaseError as error:
            self._db.close()
            # A disk that fails, is full or busy may be well again in a moment.
            kind = JournalError if isinstance(error, sqlite3.OperationalError) else DamagedJournal
            raise kind(_unusable(path, error)) from error
        except JournalError:
            self._db.close()
            raise

    def _prepare(self, read_only: bool) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA busy_timeout=5000")
        if self._alone:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        version = version_of(self._db, self.path, read_only=read_only)
        if not read_only:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                self._db.execute(f"PRAGMA {pragma}")
            prepare(self._db, self.path, version)

    def close(self) -> None:
        """Let go of the file."""
        self._open = False
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Operations inside share one commit, and so one wait for the disk; one that fails undoes only itself.

        They are durable when the block has ended without an error.
        """
        self._shared, self._undone = True, False
        try:
            yield
        finally:
            self._shared = False
            if self._undone:
                self._rollback()
                raise sqlite3.OperationalError("the disk took nothing of what was to be written together")
            if self._open and self._db.in_transaction:
                self._commit()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("SAVEPOINT operation")
        try:
            yield self._db
        except BaseException:
            # With a full disk, SQLite itself has undone everything, also what others wrote before.
            self._undone = not self._db.in_transaction
            if self._shared and not self._undone:
                self._db.execute("ROLLBACK TO operation")
                self._db.execute("RELEASE operation")
            else:
                self._rollback()
            raise
        self._db.execute("RELEASE operation")
        if not self._shared:
            self._commit()

    def _write(self, statement: str, *values: object) -> None:
        """A transaction of one statement, of which SQLite does all or nothing."""
        if self._shared and not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute(statement, values)
        except BaseException:
            self._undone = self._shared and not self._db.in_transaction
            raise

    def _commit(self) -> None:
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error:
            self._rollback()
            raise

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _select(self, columns: str, where: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows, plain: `_select("since, until FROM gap", "slice_id = ?", 5)`. Names for the columns cost more than
        the query where there are thousands.
        """
        cursor = self._db.cursor()
        cursor.row_factory = None
        return cursor.execute(f"SELECT {columns} WHERE {where}", values).fetchall()


def _unusable(path: Path, error: sqlite3.Error) -> str:
    if isinstance(error, sqlite3.OperationalError):
        return f"{path} cannot be used as the journal now: {error}. Is its disk full, read-only or failing?"
    return (
        f"{path} cannot be used as the journal: {error}. Move it away and start again: it is rebuilt from the"
        " recordings on disk."
    )
