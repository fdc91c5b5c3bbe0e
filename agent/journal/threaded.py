"""The journal beside an event loop: one thread of its own, because a synced commit may take as long as the disk
likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from agent.journal.journal import Journal
from agent.journal.versions import DamagedJournal, JournalError, NewerJournal, set_aside

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

TOGETHER = 500
"""Operations that share a commit at most."""


@dataclass(slots=True)
class _Call:
    operation: Callable[[Journal], Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def resolve(self) -> None:
        if self.answer.cancelled():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)


class JournalThread:
    """`await journal.do(Journal.add_slice, facts)`: operations are carried out one after another, in the order they
    were asked for, and are durable when `do` returns.

    What is asked for while the disk is busy with a commit shares the next one: forty lessons that begin together wait
    for the disk a few times, not a few hundred.
    """

    def __init__(self, path: Path) -> None:
        self.on_renewed: Callable[[], None] = lambda: None
        """Called in the event loop when the journal turned out to be damaged and another one was begun."""
        self._path = path
        self._journal = _opened(path)
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    async def do(self, operation: Callable[Concatenate[Journal, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Carry out one operation of `Journal`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._calls.put(_Call(lambda journal: operation(journal, *args, **kwargs), loop, answer))
        # A cancelled caller must not tear a transaction that others count on; it is carried out all the same.
        return await asyncio.shield(answer)

    async def close(self) -> None:
        """Carry out what is queued and let go of the file."""
        self._calls.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        going_on = True
        while going_on:
            calls, going_on = self._waiting()
            if calls:
                self._carry_out(calls)
        self._journal.close()

    def _waiting(self) -> tuple[list[_Call], bool]:
        calls: list[_Call] = []
        call = self._calls.get()
        while call is not None:
            calls.append(call)
            if len(calls) == TOGETHER:
                return calls, True
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return calls, True
        return calls, False

    def _carry_out(self, calls: list[_Call]) -> None:
        self._try(calls)
        if (damage := next((call.error for call in calls if _is_damage(call.error)), None)) is not None:
            self._renew(damage)
            self._try(calls)
            with contextlib.suppress(RuntimeError):
                calls[0].loop.call_soon_threadsafe(self.on_renewed)
        for call in calls:
            with contextlib.suppress(RuntimeError):  # a loop that is closed waits for nothing
                call.loop.call_soon_threadsafe(call.resolve)

    def _renew(self, damage: BaseException) -> None:
        """A journal that is damaged in the middle of a lesson makes way, as one does at a start."""
        with contextlib.suppress(sqlite3.Error):
            self._journal.close()
        log.error(
            "%s is damaged (%s); it is now %s, and a new one is made from the recordings on disk",
            *(self._path, damage, set_aside(self._path)),
        )
        self._journal = _opened(self._path)

    def _try(self, calls: list[_Call]) -> None:
        try:
            with self._journal.together():
                self._each(calls)
        except Exception:  # noqa: BLE001 - the commit failed: nothing of all this has happened
            # One by one: with a full disk, what only asks is answered, and so `status` says that it is full.
            self._each(calls)

    def _each(self, calls: list[_Call]) -> None:
        for call in calls:
            try:
                call.result, call.error = call.operation(self._journal), None
            except Exception as error:  # noqa: BLE001 - a thread's boundary: it belongs to whoever asked
                call.error = error


def _is_damage(error: BaseException | None) -> bool:
    """Whether SQLite says of the file itself that it is none (any more), not of the disk or of what was asked."""
    code = getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.DatabaseError) else None
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _opened(path: Path) -> Journal:
    """A journal that is none any more must not cost the next lesson: it makes way for one made from the files."""
    try:
        return Journal(path)
    except DamagedJournal as error:
        log.error("%s; it is now %s, and a new one is made from the recordings on disk", error, set_aside(path))
        return Journal(path)
    except NewerJournal:
        raise
    except JournalError as error:
        # Of a full disk it can be read all the same: what is confirmed is deleted, and then there is room again.
        log.error("%s", error)
        return Journal(path, alone=True)
