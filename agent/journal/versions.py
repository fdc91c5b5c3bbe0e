"""Journals of other versions: an older one becomes one of this version, step by step, and a copy of it is kept; a newer
one is refused; one that is no journal any more is set aside, so that the next lesson is recorded.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

from agent.files import CannotUse, NewerFormat, sync_directory
from agent.journal.schema import LATER_INDEXES, STEPS, TABLES, VERSION

log = logging.getLogger(__name__)


class JournalError(CannotUse):
    """The journal cannot be used; the message says what to do."""


class DamagedJournal(JournalError):
    """What stands there is no SQLite database (any more)."""


class NewerJournal(JournalError, NewerFormat):
    """A newer gather-agent has written it."""


def version_of(db: sqlite3.Connection, path: Path, *, read_only: bool) -> int:
    """The version of the tables, 0 where there are none yet. Changes nothing. Raises `JournalError` for one that cannot
    be used: newer, or with `read_only` any other than this one.
    """
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise NewerJournal(
            f"{path} comes from a newer gather-agent (journal version {version}, this one knows {VERSION})."
            " Install that version again."
        )
    if read_only and version < VERSION:
        raise JournalError(f"{path} is of an older gather-agent; start this one once, which renews it")
    return version


def prepare(db: sqlite3.Connection, path: Path, version: int) -> None:
    """Bring the tables from `version` to this one's."""
    if version == 0:
        db.executescript(f"BEGIN; {TABLES} PRAGMA user_version={VERSION}; COMMIT;")
    elif version < VERSION:
        _keep_copy(db, path, version)
        for before in range(version, VERSION):
            db.executescript(f"BEGIN IMMEDIATE; {STEPS[before]} PRAGMA user_version={before + 1}; COMMIT;")
        log.info("%s was of version %d and is of version %d now", path, version, VERSION)
    db.executescript(LATER_INDEXES)


def _keep_copy(db: sqlite3.Connection, path: Path, version: int) -> None:
    """As `<name>.v<version>`, with what still stands in the write-ahead log. No room for it stops nobody."""
    copy = path.with_name(f"{path.name}.v{version}")
    unfinished = path.with_name(f".{copy.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        target = sqlite3.connect(unfinished)
        try:
            db.backup(target)
        finally:
            target.close()
        unfinished.replace(copy)
        sync_directory(copy.parent)
    except (OSError, sqlite3.Error) as error:
        log.warning("no copy of the older journal could be kept as %s: %s", copy, error)


def set_aside(path: Path) -> Path:
    """Move a damaged journal out of the way, with its write-ahead log; where it lies now."""
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    sync_directory(path.parent)
    return aside
