"""Where the recordings are and what has not arrived yet, read from the database and the disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.standalone.console.gathers import GatherView, read_gathers
from agent.standalone.store.schema import Record, StoredFile, Trash

RECENT_DAYS = 14


@dataclass(frozen=True, slots=True)
class StorageView:
    """The server's disk in bytes; what its storage holds; how much came a day of the last two weeks; the agents."""

    now: float
    disk_free: int
    disk_total: int
    files: int
    bytes: int
    recordings: int
    a_day: float
    to_delete: int
    newest: str
    """The path of the file that came last."""
    gathers: tuple[GatherView, ...]

    @property
    def days_left(self) -> float | None:
        """Until the disk is full, at the pace of late; None where nothing came."""
        return self.disk_free / self.a_day if self.a_day > 0 else None


def read_storage(session: Session, now: float, folder: Path) -> StorageView:
    """Read it."""
    disk = shutil.disk_usage(folder)
    files, size = session.execute(select(func.count(), func.coalesce(func.sum(StoredFile.size), 0))).one()
    recent = select(func.coalesce(func.sum(StoredFile.size), 0), func.min(StoredFile.created))
    came, first = session.execute(recent.where(StoredFile.created > now - RECENT_DAYS * 86_400)).one()
    over_days = max((now - first) / 86_400, 1.0) if first else 1.0
    return StorageView(
        now=now,
        disk_free=disk.free,
        disk_total=disk.total,
        files=files,
        bytes=size,
        recordings=session.scalar(select(func.count()).select_from(Record)) or 0,
        a_day=came / over_days,
        to_delete=session.scalar(select(func.count()).select_from(Trash)) or 0,
        newest=session.scalar(select(StoredFile.path).order_by(StoredFile.created.desc()).limit(1)) or "",
        gathers=read_gathers(session, now),
    )
