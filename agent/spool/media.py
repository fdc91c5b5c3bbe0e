"""The folder of the recordings, as it is on the disk now: mounted, writable, with how much room.

The trap is the disk that is not mounted: its mount point is an empty folder on the system's disk, which takes
everything until it is full, and hides it when the disk returns. A marker file in the media folder, and the memory of
whether that folder was on another disk than the system's, tell the two apart.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from agent.files import replace_file
from agent.spool.disk import MediaFacts

log = logging.getLogger(__name__)

MARKER = ".gather-media"
PROBE = ".gather-probe"
_TEXT = b"The recordings of a gather-agent. Without this file it takes the disk for not mounted; leave it here.\n"


class Media:
    """`root` with the folders that recordings need. `apart`: whether the folder was on another disk than the system's
    when it was last seen well, None before the first time; `remember(apart)` keeps that over restarts.

    `system` is a place on the system's disk.
    """

    def __init__(
        self,
        root: Path,
        folders: tuple[Path, ...],
        apart: Callable[[], bool | None],
        remember: Callable[[bool], None],
        system: Path = Path("/"),
    ) -> None:
        self.root = root
        self._folders, self._apart, self._remember, self._system = folders, apart, remember, system

    def look(self, *, write: bool = False) -> MediaFacts:
        """The facts of this moment; with `write`, a small file is written too. Makes what is missing on a disk that is
        there. May take as long as a network share likes.
        """
        try:
            if self._absent():
                return MediaFacts(missing=True, error=f"{self.root}: the disk of the recordings is not mounted")
            found = os.statvfs(_existing(self.root))
            free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
            if found.f_flag & os.ST_RDONLY:
                return MediaFacts(free, total, read_only=True, error=f"{self.root} is mounted read-only")
        except OSError as error:
            return MediaFacts(error=f"{self.root}: {error.strerror}")
        try:
            self._furnish()
            if write:
                self._try_to_write()
        except OSError as error:
            return MediaFacts(free, total, error=f"{self.root}: {error.strerror}")
        return MediaFacts(free, total)

    def _absent(self) -> bool:
        if (self.root / MARKER).exists() or not self._apart():
            return False
        # Without its marker, but on a disk of its own: a new disk, which is taken. On the system's disk: not mounted.
        return not self._is_apart()

    def _is_apart(self) -> bool:
        return _existing(self.root).stat().st_dev != self._system.stat().st_dev

    def _furnish(self) -> None:
        for folder in (self.root, *self._folders):
            folder.mkdir(parents=True, exist_ok=True)
        marker = self.root / MARKER
        if not marker.exists():
            replace_file(marker, _TEXT, mode=0o644)
            log.info("%s is marked as the folder of the recordings", self.root)
        apart = self._is_apart()
        if self._apart() != apart:
            self._remember(apart)

    def _try_to_write(self) -> None:
        probe = self.root / PROBE
        try:
            with probe.open("wb", buffering=0) as file:
                file.write(b"x" * 4096)
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    while not path.exists():
        path = path.parent
    return path
