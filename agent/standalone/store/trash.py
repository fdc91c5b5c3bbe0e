"""Files to delete: entered with the change that makes them useless, deleted in the background, also after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from agent.standalone.store.database import Database
from agent.standalone.store.schema import StoredFile, Trash

BATCH = 10
RETRY_SECONDS = 60.0

log = logging.getLogger(__name__)


def throw_away(session: Session, which: ColumnElement[bool]) -> None:
    """Forget the uploads of which this is true, and mark their files for deletion."""
    paths = select(StoredFile.path).where(which, StoredFile.path.not_in(select(Trash.path)))
    session.execute(insert(Trash).from_select(["path"], paths))
    session.execute(delete(StoredFile).where(which))


def keep_after_all(session: Session, path: str) -> None:
    """A file comes to this path (again): from now on it is not deleted."""
    session.execute(delete(Trash).where(Trash.path == path))


Remove = Callable[[str], Awaitable[None]]
Claim = Callable[[str], AbstractContextManager[bool]]


class Sweeper:
    """Deletes what is in the trash whenever it is woken. A path is claimed first: a file that arrives there stays."""

    def __init__(self, database: Database, remove: Remove, claim: Claim) -> None:
        self._database = database
        self._remove, self._claim = remove, claim
        self._woken = asyncio.Event()
        self._woken.set()
        self._idle = asyncio.Event()

    def wake(self) -> None:
        """There may be something to delete."""
        self._idle.clear()
        self._woken.set()

    async def idle(self) -> None:
        """Wait until everything that can be deleted is."""
        await self._idle.wait()

    async def run(self) -> None:
        """Delete until cancelled. What cannot be deleted is tried again later and holds up nothing else."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                done = await self._sweep()
            except SQLAlchemyError:
                log.exception("files to delete could not be looked up")
                done = False
            if not self._woken.is_set():
                self._idle.set()
            if not done:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._woken.set)

    async def _sweep(self) -> bool:
        """Delete what can be deleted; whether that was everything."""
        stuck: set[str] = set()
        while paths := await self._database.run(_some, stuck):
            for path in paths:
                if not await self._delete(path):
                    stuck.add(path)
        return not stuck

    async def _delete(self, path: str) -> bool:
        with self._claim(path) as free:
            if not free:
                return False
            if not await self._database.run(_is_there, path):
                return True  # `keep_after_all` came before the claim
            try:
                await self._remove(path)
            except OSError as error:
                log.warning("%s could not be deleted: %s", path, error)
                return False
            await self._database.run(keep_after_all, path)
            return True


def _some(session: Session, stuck: set[str]) -> list[str]:
    query = select(Trash.path).order_by(Trash.path).limit(BATCH + len(stuck))
    return [path for path in session.scalars(query) if path not in stuck]


def _is_there(session: Session, path: str) -> bool:
    return session.get(Trash, path) is not None
