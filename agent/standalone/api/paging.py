"""Pages of lists: `cur` and `per` clamped to what exists.

A page costs the same wherever it is: ids are counted off an index that has the list's order, from the end that is
nearer, and only the rows of the page are read with what belongs to them. The total is remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, UnaryExpression, func, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.operators import desc_op

from agent.standalone.api.envelope import done
from agent.standalone.api.params import Params
from agent.standalone.store.totals import total

DEFAULT_PER = 10
MAX_PER = 1000

Order = tuple[UnaryExpression[Any], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list shows: the rows of the table of `key` of which all of `where` is true, in this order; `shown` reads
    rows together with what belongs to them.
    """

    key: InstrumentedAttribute[int]
    order: Order
    shown: Select[*tuple[Any, ...]]
    where: tuple[ColumnElement[bool], ...] = ()


def by_id(params: Params, *columns: InstrumentedAttribute[int]) -> tuple[ColumnElement[bool], ...]:
    """The filters that a call names: a parameter of a column's name is the id that the column must have."""
    return tuple(column == params.number(column.key) for column in columns if params.has(column.key))


def page(
    session: Session,
    listed: Listed,
    params: Params,
    show: Callable[[Row[*tuple[Any, ...]]], dict[str, Any]],
    **extra: Any,
) -> dict[str, Any]:
    """One page of a list, in the envelope of lists. `extra` stands before the rows, as `storage_addr` does."""
    number = _total(session, listed)
    per = min(max(params.number("per", DEFAULT_PER), 1), MAX_PER)
    last = max(1, -(-number // per))
    cur = min(max(params.number("cur", 1), 1), last)
    ids = _ids(session, listed, (cur - 1) * per, min(per, number - (cur - 1) * per), number)
    rows = session.execute(listed.shown.where(listed.key.in_(ids)).order_by(*listed.order)) if ids else ()
    return done(
        total_num=number,
        max_page=-(-number // per),
        cur_page=cur,
        per_page=per,
        **extra,
        data=[show(row) for row in rows],
    )


def _total(session: Session, listed: Listed) -> int:
    query = select(func.count()).select_from(listed.key.class_).where(*listed.where)
    compiled = query.compile()
    key = (str(compiled), tuple(sorted(compiled.params.items())))
    table = listed.key.class_.__tablename__
    return total(session, table, key, lambda: session.scalar(query) or 0)


def _ids(session: Session, listed: Listed, first: int, number: int, total: int) -> list[int]:
    """The keys of a page, counted from the nearer end."""
    backwards = first > total // 2
    order, offset = (_reversed(listed.order), total - first - number) if backwards else (listed.order, first)
    query = select(listed.key).where(*listed.where).order_by(*order).limit(number).offset(offset)
    return list(session.scalars(query))


def _reversed(order: Order) -> Order:
    return tuple(each.element.asc() if each.modifier is desc_op else each.element.desc() for each in order)
