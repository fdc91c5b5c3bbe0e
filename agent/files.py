"""Files that are whole or not there."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class CannotUse(Exception):
    """A file of the state folder cannot be used; the message says which, why and what to do."""


class NewerFormat(Exception):
    """A file of the state folder that a newer gather-agent has written; the message says what to do."""


def replace_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Put `content` at `path` so that after a crash or a power cut either the old or the new content stands there,
    whole.
    """
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        if error.errno and not error.filename:  # a full disk is told of a descriptor, which says nothing to people
            error.filename = str(path)
        raise


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def holder_of(folder: Path) -> str:
    """The process that holds `<folder>/lock` (its number, or "unknown"); empty when nobody does."""
    try:
        with (folder / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read(20).strip() or "unknown"
    except OSError:
        pass
    return ""
