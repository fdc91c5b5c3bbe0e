"""Can this daemon record now? Asked by monitoring, answered check by check."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.journal import Journal, JournalThread

ANSWER_SEC = 3.0
"""A journal or a disk that has not answered for this long does not take a lesson either."""
TURN_SEC = 20.0
"""The reconciler asks every five seconds what should run; one that has not for this long stands still."""


@dataclass(frozen=True, slots=True)
class Check:
    """One of the things without which nothing is recorded. `detail` says what is wrong."""

    name: str
    ok: bool
    detail: str = ""


class Readiness:
    """`turned_at()` is when the reconciler last came round (monotonic), None before the first time; `unwritten()` why
    the journal could not be written then, if it could not.
    """

    def __init__(
        self,
        journal: JournalThread,
        media: Path,
        clock: Clock,
        turned_at: Callable[[], float | None],
        unwritten: Callable[[], str] = str,
    ) -> None:
        self._unwritten = unwritten
        self._journal, self._media, self._clock, self._turned_at = journal, media, clock, turned_at
        self._probe: asyncio.Task[str] | None = None

    async def checks(self) -> tuple[Check, ...]:
        """All of them. A daemon that runs has a valid configuration."""
        journal, media = await asyncio.gather(self._ask_journal(), self._ask_media())
        return (
            Check("config", ok=True),
            Check("journal", not journal, journal),
            Check("media", not media, media),
            self._reconciler(),
        )

    def _reconciler(self) -> Check:
        turned_at = self._turned_at()
        if turned_at is None:
            return Check("reconciler", ok=False, detail="starting")
        ago = self._clock.monotonic() - turned_at
        return Check("reconciler", ago < TURN_SEC, "" if ago < TURN_SEC else f"last came round {ago:.0f} s ago")

    async def _ask_journal(self) -> str:
        try:
            async with asyncio.timeout(ANSWER_SEC):
                await self._journal.do(Journal.counts)
        except TimeoutError:
            return f"no answer within {ANSWER_SEC:.0f} s"
        except sqlite3.Error as error:
            return str(error)
        return self._unwritten()

    async def _ask_media(self) -> str:
        # One probe at a time: a disk that hangs must not collect threads.
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(asyncio.to_thread(_write, self._media), name="media probe")
        try:
            async with asyncio.timeout(ANSWER_SEC):
                return await asyncio.shield(self._probe)
        except TimeoutError:
            return f"no answer within {ANSWER_SEC:.0f} s"


def _write(folder: Path) -> str:
    """What is in the way of a new file there; empty when nothing is."""
    path = folder / f".probe-{os.getpid()}"
    try:
        path.write_bytes(b"x" * 4096)
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return ""
