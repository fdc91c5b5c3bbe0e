"""How many rows a list has, remembered as long as its table does not change: PostgreSQL counts a million in 0.1 s.

Each committed transaction that touched a table makes its totals forgotten, whatever it did there.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable

from sqlalchemy import Engine, event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

MOST = 500
"""Totals that are remembered; those asked for longest ago go."""
_TOUCHED, _TOTALS = "touched", "totals"


class Totals:
    """The totals of one database. `WatchedSession` tells it; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: Counter[str] = Counter()
        self._known: OrderedDict[Hashable, tuple[int, int]] = OrderedDict()

    def get(self, table: str, key: Hashable, count: Callable[[], int]) -> int:
        """The total under this key, counted where it is not known."""
        with self._lock:
            now = self._changes[table]
            at, total = self._known.get(key, (-1, 0))
            if at == now:
                self._known.move_to_end(key)
                return total
        total = count()
        with self._lock:
            self._known[key] = now, total  # of before the counting: a change meanwhile makes it old at once
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return total

    def changed(self, tables: set[str]) -> None:
        """What is known of these is old."""
        with self._lock:
            self._changes.update(tables)


class WatchedSession(Session):
    """A session on `engine` that makes the totals of what it changes forgotten, once that is committed."""

    def __init__(self, engine: Engine, totals: Totals) -> None:
        super().__init__(engine, autoflush=False, expire_on_commit=False)
        self.info.update({_TOTALS: totals, _TOUCHED: set()})


def total(session: Session, table: str, key: Hashable, count: Callable[[], int]) -> int:
    """A list's total, as `Totals.get`; counted where this session itself has changed something."""
    if session.info[_TOUCHED]:
        return count()
    known: Totals = session.info[_TOTALS]
    return known.get(table, key, count)


@event.listens_for(WatchedSession, "after_flush")
def _flushed(session: Session, _flush: UOWTransaction) -> None:
    changed = (*session.new, *session.dirty, *session.deleted)
    session.info[_TOUCHED].update(row.__tablename__ for row in changed)


@event.listens_for(WatchedSession, "do_orm_execute")
def _executed(state: ORMExecuteState) -> None:
    if (state.is_insert or state.is_update or state.is_delete) and state.bind_mapper is not None:
        state.session.info[_TOUCHED].add(state.bind_mapper.class_.__tablename__)


@event.listens_for(WatchedSession, "after_commit")
def _committed(session: Session) -> None:
    session.info[_TOTALS].changed(session.info[_TOUCHED])
