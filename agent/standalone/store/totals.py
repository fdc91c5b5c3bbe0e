"""How many rows a list has, remembered as long as its table does not change: PostgreSQL counts a million in 0.1 s.

Each committed transaction that touched a table makes its totals forgotten, whatever it did there.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

MOST = 500
"""Totals that are remembered; those asked for longest ago go."""
_TOUCHED, _TOTALS = "touched", "totals"


class Totals:
    """The totals of one database. Sessions are told of it by `watch`; any thread may ask."""

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


def watch(session: Session, totals: Totals) -> None:
    """Have a session forget the totals of what it changes, once that is committed."""
    session.info.update({_TOTALS: totals, _TOUCHED: set()})
    event.listen(session, "after_flush", _flushed)
    event.listen(session, "do_orm_execute", _executed)
    event.listen(session, "after_commit", _committed)


def total(session: Session, table: str, key: Hashable, count: Callable[[], int]) -> int:
    """A list's total, as `Totals.get`; counted where this session itself has changed something."""
    if session.info[_TOUCHED]:
        return count()
    known: Totals = session.info[_TOTALS]
    return known.get(table, key, count)


def _flushed(session: Session, _flush: UOWTransaction) -> None:
    changed = (*session.new, *session.dirty, *session.deleted)
    session.info[_TOUCHED].update(row.__tablename__ for row in changed)


def _executed(state: ORMExecuteState) -> None:
    if (state.is_insert or state.is_update or state.is_delete) and state.bind_mapper is not None:
        state.session.info[_TOUCHED].add(state.bind_mapper.class_.__tablename__)


def _committed(session: Session) -> None:
    session.info[_TOTALS].changed(session.info[_TOUCHED])
