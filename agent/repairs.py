"""After a crash: what recorders left open on disk becomes slices, and every slice on disk is in the journal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.journal import Journal, JournalThread
from agent.recorders import RecorderGone, RecorderHost
from agent.session import EXIT_SEC
from recorder import names
from recorder.protocol import Event, RepairDone, RepairFolder

log = logging.getLogger(__name__)

AGAIN_SEC = 10.0


class Repairs:
    """Runs one repair process at a time over the folder of slices, whenever asked, until nothing is left to do."""

    def __init__(
        self,
        host: RecorderHost,
        folder: Path,
        journal: JournalThread,
        on_event: Callable[[int, Event], Awaitable[None]],
    ) -> None:
        self._host, self._folder, self._journal, self._on_event = host, folder, journal, on_event
        self._asked = asyncio.Event()
        self.unusable: list[str] = []

    def ask(self) -> None:
        """Something may have been left open."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self.repair_once()
            except Exception as error:  # a task's boundary: what was asked for is still to be done
                log.log(
                    logging.ERROR,
                    "repair: %s %s; tried again in %.0f s",
                    type(error).__name__,
                    error,
                    AGAIN_SEC,
                    exc_info=not isinstance(error, RecorderGone),
                )
                await asyncio.sleep(AGAIN_SEC)
                self._asked.set()

    async def repair_once(self) -> None:
        """One run. Raises `RecorderGone` when no process can be had, or it failed."""
        known = await self._journal.do(Journal.known_stems)
        opened, unknown = await asyncio.to_thread(_left_over, self._folder, known)
        if not opened and not unknown:
            return
        process = await self._host.spawn()
        try:
            await process.order(RepairFolder(str(self._folder), unknown))
            while (event := await process.event()) is not None:
                if isinstance(event, RepairDone):
                    self._finished(event)
                else:
                    await self._on_event(0, event)
            status = await process.ended(EXIT_SEC)
        finally:
            process.kill()
            await process.close()
        if status != 0:
            raise RecorderGone(f"the repair process ended with status {status}")

    def _finished(self, done: RepairDone) -> None:
        if done.repaired:
            log.warning("repair: %d slices that a crash left open are whole again", done.repaired)
        for reason in done.unusable:
            log.error("repair: %s", reason)
        self.unusable.extend(done.unusable)


def _left_over(folder: Path, known: set[str]) -> tuple[list[str], list[str]]:
    """Open slices, and finished ones that the journal does not know, by file name."""
    opened, unknown = [], []
    for path in folder.iterdir():
        name = names.parse(path.name)
        if name is None:
            continue
        if name.seconds is None:
            opened.append(path.name)
        elif name.stem not in known:
            unknown.append(path.name)
    return opened, sorted(unknown)
