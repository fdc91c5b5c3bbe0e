"""Which slice indexes are taken on disk: a file that was opened right before a crash may not be in the journal yet, but
its name is used up.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from recorder import names

REMEMBERED = 10_000
"""Recordings whose begin is remembered; one that began earlier is looked up on disk if it begins again."""


class SliceIndexes:
    """The folder is listed once, when the first recording begins, and again only for a recording that begins once more
    (its recorder crashed, or the source changed): with 100,000 files waiting for a server that is a tenth of a second.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at_start: asyncio.Task[dict[int, int]] | None = None
        self._begun: set[int] = set()
        self._forgotten = 0

    async def highest(self, slice_id: int) -> int:
        """The highest index of this recording that has, or had when the daemon started, a file; 0 when none has.

        Each call says that the recording begins, and may have files from now on. `OSError` when the folder cannot be
        read.
        """
        if slice_id in self._begun or slice_id <= self._forgotten:
            return (await asyncio.to_thread(_highest, self._folder, f"_{slice_id}_")).get(slice_id, 0)
        if self._at_start is None or (self._at_start.done() and self._at_start.exception() is not None):
            self._at_start = asyncio.create_task(asyncio.to_thread(_highest, self._folder), name="slice indexes")
        found = (await asyncio.shield(self._at_start)).get(slice_id, 0)
        self._begun.add(slice_id)
        if len(self._begun) > REMEMBERED:  # identifiers rise with time
            self._forgotten = sorted(self._begun)[REMEMBERED // 2]
            self._begun = {one for one in self._begun if one > self._forgotten}
        return found


def _highest(folder: Path, part: str = "") -> dict[int, int]:
    """The highest index by recording, of the files with this in their name."""
    found: dict[int, int] = {}
    for name in os.listdir(folder):  # noqa: PTH208 - a Path for each costs ten times as much
        if part in name and (parsed := names.parse(name)) is not None:
            found[parsed.slice_id] = max(found.get(parsed.slice_id, 0), parsed.slice_inx)
    return found
