"""Do journal, files and checksums agree? Reads, and changes nothing.

A slice that exists is in the journal; a slice in the journal exists. What is found is told as `Finding`, worst first.
"""

from __future__ import annotations

import fcntl
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from agent.journal import Journal, SliceRow, SliceState
from recorder import names

Level = Literal["presence", "size", "hash"]
LEVELS: tuple[Level, ...] = ("presence", "size", "hash")
"""Is the file there; has it the journal's size; has it the journal's SHA-256. Each includes those before it."""

Kind = Literal[
    "lost",  # recorded, not uploaded, and gone
    "damaged",  # recorded, not uploaded, and not what was written
    "journal",  # SQLite finds the journal itself damaged
    "unknown",  # a finished slice that the journal does not know
    "open",  # left open by a crash
    "gone",  # the server has it, the local copy is not there
    "worn",  # the server has it, the local copy is damaged
    "left",  # removed by the journal, but there
    "thumbnail",  # the picture of a slice that is still to be uploaded is gone
    "unusable",  # set aside by a repair
]
LOSSES: frozenset[Kind] = frozenset({"lost", "damaged", "journal"})
MENDED: frozenset[Kind] = frozenset({"unknown", "open", "gone", "lost"})
"""What a repair puts right; what is lost stays lost, and is named as a gap of its lesson from then on."""
_WORST_FIRST = {kind: rank for rank, kind in enumerate(get_args(Kind))}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree: its kind, the file, and what exactly."""

    kind: Kind
    path: Path
    about: str = ""
    stem: str = ""


@dataclass(slots=True)
class Checkup:
    """What was looked at, and what was found. `size`: bytes of the files on this disk."""

    level: Level
    slices: int = 0
    files: int = 0
    size: int = 0
    being_written: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def losses(self) -> bool:
        """Whether something recorded is lost or damaged."""
        return any(finding.kind in LOSSES for finding in self.findings)


def check_up(journal: Journal, slices: Path, level: Level) -> Checkup:
    """Hold the journal against the files in `slices`, and what a repair has set aside beside them."""
    found = Checkup(level)
    found.findings += [Finding("journal", journal.path, about) for about in journal.damage()]
    known = set()
    try:
        for row in journal.every_slice():
            found.slices += 1
            known.add(row.stem)
            _look_at(row, level, found)
    except sqlite3.DatabaseError as error:  # nothing can be said of the files that it does not tell of any more
        found.findings = [Finding("journal", journal.path, str(error)), *found.findings]
        return found
    for path in sorted(slices.iterdir()) if slices.is_dir() else ():
        name = names.parse(path.name)
        if name is None:
            continue
        if name.seconds is not None:
            if name.stem not in known:
                found.findings.append(Finding("unknown", path, stem=name.stem))
        elif is_held(path):
            found.being_written += 1
        else:
            found.findings.append(Finding("open", path))
    aside = slices.parent / "unusable"
    found.findings += [Finding("unusable", path) for path in (sorted(aside.iterdir()) if aside.is_dir() else ())]
    found.findings.sort(key=lambda finding: _WORST_FIRST[finding.kind])
    return found


def _look_at(row: SliceRow, level: Level, found: Checkup) -> None:
    try:
        size = row.path.stat().st_size
    except FileNotFoundError:
        size = None
    if size is not None:
        found.files += 1
        found.size += size
    waits = row.state is SliceState.RECORDED
    if row.state >= SliceState.REMOVED:
        if size is not None:
            found.findings.append(Finding("left", row.path, stem=row.stem))
        return
    if size is None:
        found.findings.append(Finding("lost" if waits else "gone", row.path, _about(row), row.stem))
        return
    for wrong in _wrong(row, size, level):
        found.findings.append(Finding("damaged" if waits else "worn", row.path, f"{wrong}; {_about(row)}", row.stem))
    if waits and row.thumbnail is not None and not row.thumbnail.exists():
        found.findings.append(Finding("thumbnail", row.thumbnail, stem=row.stem))


def _wrong(row: SliceRow, size: int, level: Level) -> Iterator[str]:
    if level == "presence":
        return
    if size != row.size:
        yield f"{size} bytes instead of {row.size}"
    elif level == "hash":
        try:
            with row.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            yield f"cannot be read: {error.strerror}"
            return
        if digest != row.sha256:
            yield f"SHA-256 {digest[:16]}… instead of {row.sha256[:16]}…"


def _about(row: SliceRow) -> str:
    return f"slice {row.slice_inx} of recording {row.slice_id}, channel {row.camera_id}, {row.media_sec:.0f} s"


def is_held(path: Path) -> bool:
    """Whether a living recorder writes this file: it holds a lock on it (`recorder.synced_file`)."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
