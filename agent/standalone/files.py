"""The storage folder: which names it takes, where a file lies, and how it gets there whole or not at all.

recordings/<date>/<stem>.mp4 and .jpg    the date is that of the slice's start, in the server's zone
snapshots/<random>.jpg                   a channel's current picture, under a name of its own that tells nothing
incoming/                                uploads that are under way, and <digest>.part of those that may go on
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zoneinfo import ZoneInfo

KEPT_PART_SEC = 7 * 86_400.0
"""What nobody went on with for a week is not wanted any more."""
RESERVE_BYTES = 64 << 20
"""So much of the disk no upload takes: a database without room could not even note what is to be deleted."""
STORAGE_PREFIX = "/storage/"
_FORM = re.compile(
    r"[0-9a-f]{32}_(?P<camera>\d{1,18})_(?P<start>\d{1,11})_\d{1,18}_\d{1,18}_\d{1,9}_\d{1,9}\.(?:mp4|jpg)"
    r"|live_(?P<live>\d{1,18})\.jpg",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class FileName:
    """The name of an upload. `start` is the slice's start (Unix seconds), None for a channel's current picture."""

    text: str
    camera_id: int
    start: int | None

    @property
    def live(self) -> bool:
        """Whether it is a channel's current picture, which every upload replaces."""
        return self.start is None


def parse_name(text: str) -> FileName | None:
    """The file name that a text is; None when storage takes no such name."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    if match["live"] is not None:
        return FileName(text, int(match["live"]), None)
    return FileName(text, int(match["camera"]), int(match["start"]))


class BrokenOff(Exception):
    """The line or the sender broke an upload off; what came may be kept. `status` is HTTP's word for it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NameBusy(Exception):
    """A file of this name is arriving already."""


class FileStore:
    """The files below the data folder. Paths are relative to it, with `/`."""

    def __init__(self, root: Path, zone: ZoneInfo) -> None:
        self._root = root
        self._zone = zone
        self.incoming = root / "incoming"
        self.disk = ThreadPoolExecutor(2, thread_name_prefix="disk")
        """Threads that wait for the disk: of all uploads together so many."""
        self._arriving: set[str] = set()

    def open(self) -> None:
        """Make the folders; what an earlier run left incomplete goes, unless it may go on."""
        for folder in (self._root, self.incoming, self._root / "recordings", self._root / "snapshots"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self.incoming.iterdir():
            if leftover.suffix != ".part" or leftover.stat().st_mtime < time.time() - KEPT_PART_SEC:
                leftover.unlink()

    def place(self, name: FileName, snapshot_key: str) -> str:
        """The path at which a file of this name lies."""
        if name.start is None:
            return f"snapshots/{snapshot_key}.jpg"
        day = datetime.fromtimestamp(name.start, self._zone).date().isoformat()
        return f"recordings/{day}/{name.text}"

    def path(self, relative: str) -> Path:
        """The file at a path that came from `place` (or out of the database)."""
        return self._root / PurePosixPath(relative)

    @contextmanager
    def arriving(self, name: str, part: str = "") -> Iterator[tuple[BinaryIO, Path]]:
        """A file for the upload of this name, gone at the end unless it was moved to its place; `NameBusy` when one is
        on. With `part` (`part_of`) it goes on after what an earlier upload left, and an upload that breaks off leaves
        it (`BrokenOff`).
        """
        if name in self._arriving:
            raise NameBusy(name)
        self._arriving.add(name)
        path = self.incoming / (part or secrets.token_hex(16))
        keep = False
        try:
            with path.open("ab" if part else "xb", buffering=0) as file:
                yield file, path
        except BaseException as error:
            # Of the rest that goes wrong (it is another content, the disk is full) nothing is to be gone on with.
            keep = bool(part) and (isinstance(error, BrokenOff) or not isinstance(error, Exception))
            raise
        finally:
            self._arriving.discard(name)
            if not keep:
                path.unlink(missing_ok=True)

    @contextmanager
    def claimed(self, relative: str) -> Iterator[bool]:
        """Nobody uploads to this path meanwhile; False where somebody does already."""
        name = PurePosixPath(relative).name
        if name in self._arriving:
            yield False
            return
        self._arriving.add(name)
        try:
            yield True
        finally:
            self._arriving.discard(name)

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more leave the reserve."""
        disk = os.statvfs(self.incoming)
        return disk.f_bavail * disk.f_frsize - size >= RESERVE_BYTES

    def busy(self, name: str) -> bool:
        """Whether an upload of this name is on."""
        return name in self._arriving

    def held(self, part: str) -> int:
        """Bytes that an upload which broke off has left."""
        try:
            return (self.incoming / part).stat().st_size
        except FileNotFoundError:
            return 0

    def keep(self, arrived: Path, relative: str) -> None:
        """Move a synced upload to its place, durably."""
        target = self.path(relative)
        new_folder = not target.parent.exists()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            arrived.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(arrived, target)  # the recordings have a disk of their own: a mount, or a link to it
        sync_folder(target.parent)
        if new_folder:
            sync_folder(target.parent.parent)

    def remove(self, relative: str) -> None:
        """Delete a file; none is there is as good."""
        self.path(relative).unlink(missing_ok=True)


def _copy(arrived: Path, target: Path) -> None:
    """To another file system, whole or not at all; `arrived` goes with its `FileStore.arriving`."""
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with arrived.open("rb") as source, unfinished.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        unfinished.replace(target)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def part_of(owner: int, name: FileName, digest: bytes) -> str:
    """What an upload that may go on is called while it is not complete: one file of one agent with one content."""
    return f"{owner}_{name.text}_{digest.hex()}.part"


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
