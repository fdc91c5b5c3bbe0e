"""After a crash: what recorders left open on disk becomes slices, and every slice on disk is in the journal."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

from agent.backoff import Backoff
from agent.channels.recorders import RecorderGone, RecorderHost, RecorderProcess
from agent.channels.session import EXIT_SEC
from agent.journal import Journal, JournalThread
from recorder import names
from recorder.protocol import Event, RepairBegan, RepairDone, RepairFolder, Trouble

log = logging.getLogger(__name__)

AGAIN_SEC = 10.0
QUIET_SEC = 120.0
SLOWEST_BYTES_SEC = 1 << 20
"""A repair that says nothing for `QUIET_SEC`, and the time that its file takes at this pace, hangs."""


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
        self._hung: set[str] = set()
        self._patience = Backoff(30.0, 3600.0)
        self._left = False  # whether something could not be repaired just now, with a disk that is full or away
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
                    exc_info=not isinstance(error, (RecorderGone, sqlite3.Error, OSError)),
                )
                await asyncio.sleep(AGAIN_SEC)
                self._asked.set()

    async def repair_once(self) -> None:
        """One run. Raises `RecorderGone` when no process can be had, or it failed."""
        opened, closed = await asyncio.to_thread(_slices_in, self._folder)
        lost = await self._journal.do(Journal.unknown_stems, closed)
        unknown = sorted(stem + names.CLOSED_SUFFIX for stem in lost)
        if not {*opened, *unknown} - self._hung:
            return
        process = await self._host.spawn()
        try:
            await process.order(RepairFolder(str(self._folder), unknown, sorted(self._hung)))
            await self._listen(process)
            status = await process.ended(EXIT_SEC)
            self._later()
        finally:
            process.kill()
            await process.close()
        if status != 0:
            raise RecorderGone(f"the repair process ended with status {status}")

    def _later(self) -> None:
        """What could not be repaired is tried again, more and more rarely."""
        if not self._left:
            self._patience.reset()
            return
        self._left = False
        asyncio.get_running_loop().call_later(self._patience.next(), self._asked.set)

    async def _listen(self, process: RecorderProcess) -> None:
        at, limit = "", QUIET_SEC
        while True:
            try:
                async with asyncio.timeout(limit):  # not wait_for: until Python 3.12 it may swallow a cancellation
                    event = await process.event()
            except TimeoutError:
                await self._hangs(at, limit)
            match event:
                case None:
                    return
                case RepairBegan(name=name, size=size):
                    at, limit = name, QUIET_SEC + size / SLOWEST_BYTES_SEC
                case RepairDone():
                    self._finished(event)
                case _:
                    self._left = self._left or isinstance(event, Trouble)
                    await self._on_event(0, event)

    async def _hangs(self, name: str, limit: float) -> NoReturn:
        """One file must not keep all others from being repaired: it is left alone until the next start."""
        if name:
            self._hung.add(name)
            words = f"{name}: its repair hung for {limit:.0f} s; it stays as it is until the agent is started again"
            await self._on_event(0, Trouble("repair", words))
        raise RecorderGone(f"the repair process said nothing for {limit:.0f} s")

    def _finished(self, done: RepairDone) -> None:
        if done.repaired:
            log.warning("repair: %d slices that a crash left open are whole again", done.repaired)
        for reason in done.unusable:
            log.error("repair: %s", reason)
        self.unusable.extend(done.unusable)


def _slices_in(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the open slices, and the stems of the finished ones."""
    opened, closed = [], []
    for filename in os.listdir(folder):  # noqa: PTH208 - a Path for each costs ten times as much
        name = names.parse(filename)
        if name is None:
            continue
        if name.seconds is None:
            opened.append(filename)
        else:
            closed.append(filename.removesuffix(names.CLOSED_SUFFIX))
    return opened, closed
