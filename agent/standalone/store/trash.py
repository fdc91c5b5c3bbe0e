"""Files to delete: entered with the change that makes them useless, deleted in the background, also after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from agent.standalone.store.database import Database
from agent.standalone.store.schema import StoredFile, Trash

BATCH = 50
RETRY_SECONDS = 60.0

log = logging.getLogger(__name__)


def throw_away(session: Session, which: ColumnElement[bool]) -> None:
    """Forget the uploads of which this is true, and mark their files for deletion."""
    for row in session.scalars(select(StoredFile).where(which)):
        session.merge(Trash(path=row.path))
        session.delete(row)


class Sweeper:
    """Deletes what is in the trash whenever it is woken."""

    def __init__(self, database: Database, remove: Callable[[str], None]) -> None:
        self._database = database
        self._remove = remove
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
        """Delete until cancelled. A file that cannot be deleted is tried again later and holds up no other."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            stuck: set[str] = set()
            while paths := [path for path in await self._database.run(_some, len(stuck)) if path not in stuck]:
                gone = await asyncio.to_thread(self._delete, paths)
                stuck.update(set(paths) - set(gone))
                await self._database.run(_forget, gone)
            if not self._woken.is_set():
                self._idle.set()
            if stuck:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._woken.set)

    def _delete(self, paths: list[str]) -> list[str]:
        gone = []
        for path in paths:
            try:
                self._remove(path)
                gone.append(path)
            except OSError as error:
                log.warning("%s could not be deleted: %s", path, error)
        return gone


def _some(session: Session, beyond: int) -> list[str]:
    return list(session.scalars(select(Trash.path).order_by(Trash.path).limit(BATCH + beyond)))


def _forget(session: Session, paths: list[str]) -> None:
    session.execute(delete(Trash).where(Trash.path.in_(paths)))
