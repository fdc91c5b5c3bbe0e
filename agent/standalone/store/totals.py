"""What was counted, remembered as long as what it was counted in does not change: PostgreSQL counts a million in 0.1 s.

Each committed transaction that touched a table makes its totals forgotten, whatever it did there.  Of lessons, of which
a year has 80,000 and an hour changes a few, it is told apart in which weeks.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Hashable
from typing import Any, TypeVar

from sqlalchemy import Engine, event, inspect
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from agent.standalone.store.schema import Lesson

_T = TypeVar("_T")

MOST = 2000
"""Totals that are remembered; those asked for longest ago go."""
WEEK_SEC = 7 * 86_400
BULK = "lesson, in bulk"
"""What a statement that changes lessons at once has changed: nobody knows of which weeks."""
_TOUCHED, _TOTALS = "touched", "totals"


class Totals:
    """The totals of one database. `WatchedSession` tells it; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: Counter[str] = Counter()
        self._known: OrderedDict[Hashable, tuple[tuple[int, ...], Any]] = OrderedDict()

    def recall(self, marks: Collection[str], key: Hashable) -> Any | None:
        """The total under this key, if it is known and none of the `marks` was changed since."""
        with self._lock:
            at, known = self._known.get(key, ((), None))
            if at != self._now(marks):
                return None
            self._known.move_to_end(key)
            return known

    def get(self, marks: Collection[str], key: Hashable, count: Callable[[], _T], keep: Callable[[_T], bool]) -> _T:
        """The same, counted where it is not known; it is remembered where it is one to `keep`."""
        now = self.changes(marks)
        if (known := self.recall(marks, key)) is not None:
            found: _T = known
            return found
        total = count()
        if not keep(total):
            return total
        with self._lock:
            self._known[key] = now, total  # of before the counting: a change meanwhile makes it old at once
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return total

    def changes(self, marks: Collection[str]) -> tuple[int, ...]:
        """How often each of these was changed."""
        with self._lock:
            return self._now(marks)

    def forget(self) -> None:
        """Nothing is known any more."""
        with self._lock:
            self._known.clear()

    def _now(self, marks: Collection[str]) -> tuple[int, ...]:
        return tuple(self._changes[mark] for mark in marks)

    def changed(self, marks: set[str]) -> None:
        """What is known of these is old."""
        with self._lock:
            self._changes.update(marks)


class WatchedSession(Session):
    """A session on `engine` that makes the totals of what it changes forgotten, once that is committed."""

    def __init__(self, engine: Engine, totals: Totals) -> None:
        super().__init__(engine, autoflush=False, expire_on_commit=False)
        self.info.update({_TOTALS: totals, _TOUCHED: set()})


def has_written(session: Session) -> bool:
    """Whether this session, whose changes are sent by this, has changed anything."""
    session.flush()
    return bool(session.info[_TOUCHED])


def total(session: Session, table: str, key: Hashable, count: Callable[[], int]) -> int:
    """A list's total, as `Totals.get`; counted where this session itself has changed something."""
    return remembered(session, (table,), key, count, lambda _: True)


def remembered(
    session: Session, marks: Collection[str], key: Hashable, count: Callable[[], _T], keep: Callable[[_T], bool]
) -> _T:
    """Whatever is counted; `marks` are names of tables, and for lessons those of `lesson_marks`."""
    if session.info[_TOUCHED]:
        return count()
    known: Totals = session.info[_TOTALS]
    return known.get(marks, key, count, keep)


def recalled(session: Session, marks: Collection[str], key: Hashable) -> Any | None:
    """The same, if it is known."""
    known: Totals = session.info[_TOTALS]
    return None if session.info[_TOUCHED] else known.recall(marks, key)


def changes(session: Session, marks: Collection[str]) -> Hashable:
    """Another value whenever one of these has changed."""
    known: Totals = session.info[_TOTALS]
    return known.changes(marks), id(session) if session.info[_TOUCHED] else 0


def lesson_marks(begin: float, end: float) -> tuple[str, ...]:
    """What changes with the lessons that begin in a time (Unix seconds, half open), and with hardly any others."""
    return (BULK, *map(_week_mark, range(int(begin // WEEK_SEC), int(end // WEEK_SEC) + 1)))


def _week_mark(week: int) -> str:
    return f"lesson, week {week}"


def _marks_of(row: Any) -> set[str]:
    marks = {row.__tablename__}
    if isinstance(row, Lesson):
        before = inspect(row).attrs.planned_start.history.deleted or ()
        marks |= {_week_mark(int(at // WEEK_SEC)) for at in (row.planned_start, *before)}
    return marks


@event.listens_for(WatchedSession, "after_flush")
def _flushed(session: Session, _flush: UOWTransaction) -> None:
    for row in (*session.new, *session.dirty, *session.deleted):
        session.info[_TOUCHED].update(_marks_of(row))


@event.listens_for(WatchedSession, "do_orm_execute")
def _executed(state: ORMExecuteState) -> None:
    if (state.is_insert or state.is_update or state.is_delete) and state.bind_mapper is not None:
        table = state.bind_mapper.class_.__tablename__
        state.session.info[_TOUCHED].update({table, BULK} if table in ("lesson", "gap") else {table})


@event.listens_for(WatchedSession, "after_commit")
def _committed(session: Session) -> None:
    session.info[_TOTALS].changed(session.info[_TOUCHED])
