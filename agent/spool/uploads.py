"""The spool's way out: finished slices to the storage, oldest lesson first, some at a time; one bad file never blocks
another.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent.background import within
from agent.backoff import Backoff
from agent.clock import Clock
from agent.journal import Journal, JournalThread, SliceRow, SliceState
from agent.reminders import Reminders
from agent.status import Happening
from agent.storage.base import Storage, StorageError
from agent.storage.outage import Outage

log = logging.getLogger(__name__)

LOST_TRIES = 2
"""So often a file has to be in vain before it may be lost, each time after the longest wait."""
IDLE_SEC = 30.0
"""The journal is looked at this often even when nobody says that there is something new."""


@dataclass(frozen=True, slots=True)
class Try:
    """How one file fares: `attempts` that failed, the last one's `error`, and in how many seconds it is tried again."""

    attempts: int
    error: str
    wait_sec: float


class Uploads:
    """Brings slices from RECORDED to UPLOADED.

    `storage()` is asked for each file, None while the server has not said where files go. With `keep_trying()` false
    (`auto_fds` 0) a failure of the storage pauses everything until `resume`, also over a restart: `gave_up()` is why,
    or empty, and `give_up(why)` keeps it. While `held()`, or outside the hours (`hours_open()`), no file begins; one
    that is on its way arrives. A file that cannot go for good may be gone: `is_lost(row)` is asked after some tries,
    and gives it up by name.
    """

    def __init__(
        self,
        journal: JournalThread,
        storage: Callable[[], Storage | None],
        clock: Clock,
        *,
        parallel: int,
        retry_max_sec: float,
        keep_trying: Callable[[], bool],
        on_uploaded: Callable[[], None],
        tell: Callable[[Happening], None],
        held: Callable[[], bool] = lambda: False,
        hours_open: Callable[[], bool] = lambda: True,
        gave_up: Callable[[], str],
        give_up: Callable[[str], None],
        is_lost: Callable[[SliceRow], Awaitable[bool]] | None = None,
    ) -> None:
        self._is_lost = is_lost or _never
        self._hours_open, self._gave_up, self._give_up = hours_open, gave_up, give_up
        self._outage, self._reminders = Outage(clock), Reminders(clock.monotonic)
        self.error = gave_up()
        """The last failure, for as long as any file waits for another try."""
        self._journal, self._storage, self._clock = journal, storage, clock
        self._parallel, self._retry_max = parallel, retry_max_sec
        self._keep_trying, self._on_uploaded, self._tell, self._held = keep_trying, on_uploaded, tell, held
        self._new = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, tuple[Backoff, float]] = {}
        self._errors: dict[str, tuple[int, str]] = {}

    @property
    def paused(self) -> bool:
        """Whether nothing goes until `resume`: somebody held the queue, or the storage failed and `auto_fds` is 0."""
        return bool(self._gave_up()) or self._held()

    @property
    def under_way(self) -> frozenset[str]:
        """The stems of the slices that are being sent now."""
        return frozenset(self._busy)

    def tries(self) -> dict[str, Try]:
        """Slices that have failed and not arrived yet, by stem."""
        now = self._clock.monotonic()
        return {
            stem: Try(attempts, error, max(0.0, self._waiting[stem][1] - now) if stem in self._waiting else 0.0)
            for stem, (attempts, error) in self._errors.items()
        }

    def retune(self, parallel: int, retry_max_sec: float) -> None:
        """So many at a time from now on, and so long between tries at most (for those that fail from now on)."""
        self._parallel, self._retry_max = parallel, retry_max_sec
        self._new.set()

    def wake(self) -> None:
        """There is a new slice, or a storage."""
        self._new.set()

    def resume(self) -> None:
        """Go on after a pause, everything that waited at once."""
        self._give_up("")
        self.error = ""
        self._waiting.clear()
        self._outage.over()
        self._new.set()

    async def run(self) -> None:
        """Until cancelled. What is under way then is sent again at the next start; the storage takes it once."""
        try:
            while True:
                self._new.clear()
                if self._gave_up() and self._keep_trying():
                    self.resume()  # auto_fds was set to 1 meanwhile
                if not self.paused and self._hours_open() and self._storage() is not None:
                    await self._start_some()
                await self._wait()
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _start_some(self) -> None:
        free = self._outage.at_most(self._parallel) - len(self._busy)
        if free <= 0:
            return
        now = self._clock.monotonic()
        # More than fit are looked at, because the oldest may be on their way, or wait for their next try.
        most = free + len(self._busy) + len(self._waiting)
        rows = await self._journal.do(Journal.slices_in, SliceState.RECORDED, most)
        if len(rows) < most:
            self._forget({row.stem for row in rows})
        for row in rows:
            if free == 0:
                return
            if row.stem in self._busy or self._waiting.get(row.stem, (None, 0.0))[1] > now:
                continue
            free -= 1
            task = asyncio.create_task(self._upload(row), name=f"upload {row.stem}")
            self._busy[row.stem] = task
            task.add_done_callback(partial(self._done, row.stem))

    def _forget(self, recorded: set[str]) -> None:
        """What waited for another try and is there no more: it was given up, to make room, or `check` has found out."""
        for stem in self._waiting.keys() - recorded - self._busy.keys():
            self._drop(stem)

    def _drop(self, stem: str) -> None:
        self._waiting.pop(stem, None)
        self._errors.pop(stem, None)
        self._well_again()

    def _tries(self, row: SliceRow) -> int:
        return self._errors.get(row.stem, (0, ""))[0]

    def _done(self, stem: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(stem, None)
        self._new.set()

    async def _wait(self) -> None:
        now = self._clock.monotonic()
        next_try = now + IDLE_SEC
        if self._outage.until > now:
            next_try = self._outage.until
        elif self._outage.at_most(self._parallel) > len(self._busy):  # else the end of one that is under way wakes us
            resting = (at for stem, (_, at) in self._waiting.items() if stem not in self._busy)
            next_try = min(resting, default=next_try)
        await within(min(IDLE_SEC, max(0.05, next_try - now)), self._new)

    async def _upload(self, row: SliceRow) -> None:
        storage = self._storage()
        if storage is None:
            return
        try:
            image = await self._store_thumbnail(storage, row)
            stored = await storage.put(row.path, row.path.name, row.sha256)
            await self._journal.do(
                Journal.advance, row.stem, SliceState.UPLOADED, file_fdfs=stored.file, image_fdfs=image
            )
        except StorageError as error:
            if error.retry or self._tries(row) < LOST_TRIES or not await self._is_lost(row):
                self._failed(row, error)
            else:
                self._drop(row.stem)
            return
        except (OSError, sqlite3.Error) as error:
            self._failed(row, StorageError(f"{row.path}: {error}"), ours=True)
            return
        except Exception as error:  # a task's boundary: the file waits like any other that could not go
            log.exception("upload of %s failed unexpectedly", row.path)
            self._failed(row, StorageError(f"{row.path}: {type(error).__name__} {error}", retry=False))
            return
        self._waiting.pop(row.stem, None)
        self._errors.pop(row.stem, None)
        if self._outage.over():  # the storage is back: everything goes at once, the oldest lesson first
            self._waiting.clear()
        self._well_again()
        self._tell(
            Happening(
                kind="upload",
                text=f"{row.path.name} is in the storage ({row.size / 1e6:.1f} MB)",
                camera_id=row.camera_id,
                data={"stem": row.stem, "size": row.size, "file": stored.file},
            )
        )
        self._on_uploaded()

    def _well_again(self) -> None:
        if not self._waiting:
            self.error = ""
            if self._reminders.over("uploads"):
                log.info("everything that failed to upload has arrived")

    @staticmethod
    async def _store_thumbnail(storage: Storage, row: SliceRow) -> str:
        """Its address; empty when there is none. A picture that is refused for good holds up no lesson."""
        if row.thumbnail is None:
            return ""
        try:
            digest = await asyncio.to_thread(_sha256, row.thumbnail)
            return (await storage.put(row.thumbnail, row.thumbnail.name, digest)).file
        except FileNotFoundError:
            return ""
        except StorageError as error:
            if error.retry:
                raise
            log.warning("%s goes without its thumbnail: %s", row.path.name, error)
            return ""

    def _failed(self, row: SliceRow, error: StorageError, *, ours: bool = False) -> None:
        """`ours`: this machine's disk is at fault, and nobody has to resume anything when it is well again."""
        backoff, _ = self._waiting.setdefault(row.stem, (Backoff(1.0, self._retry_max), 0.0))
        if not error.retry:
            # Nothing here can mend it; it stays in the journal and on disk and is looked at again at the slowest pace.
            backoff.failures = 32
        wait = max(backoff.next(), error.rest_sec)
        if error.down:
            self._outage.failed(row.stem, error.rest_sec)
        self._waiting[row.stem] = (backoff, self._clock.monotonic() + wait)
        first = self.error == ""
        self.error = str(error)
        self._errors[row.stem] = (self._tries(row) + 1, self.error)
        news = self._reminders.is_news("uploads", "fail")
        if not first:  # else it is told
            log.log(logging.WARNING if news else logging.DEBUG, "upload failed, next try in %.0f s: %s", wait, error)
        if first:
            text = f"upload failed, tried until it works: {error}"
            self._tell(Happening(kind="queue", text=text, camera_id=row.camera_id))
        if error.retry and not ours and not self._keep_trying():
            self._give_up(self.error)
            log.warning("auto_fds is 0: uploads are paused until they are resumed")


async def _never(_: SliceRow) -> bool:
    return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
