"""Pages of lists: `cur` and `per` clamped to what exists, the newest row first unless the list says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, func
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from agent.standalone.api.envelope import done
from agent.standalone.api.params import Params

DEFAULT_PER = 10
MAX_PER = 1000


def page(
    session: Session,
    query: Select[*tuple[Any, ...]],
    params: Params,
    show: Callable[[Row[*tuple[Any, ...]]], dict[str, Any]],
    **extra: Any,
) -> dict[str, Any]:
    """One page of an ordered query, in the envelope of lists. `extra` stands in front, as `storage_addr` does."""
    counted = query.order_by(None).with_only_columns(func.count(), maintain_column_froms=True)
    total = session.scalar(counted) or 0
    per = min(max(params.number("per", DEFAULT_PER), 1), MAX_PER)
    last = max(1, -(-total // per))
    cur = min(max(params.number("cur", 1), 1), last)
    rows = session.execute(query.limit(per).offset((cur - 1) * per))
    return done(
        **extra,
        total_num=total,
        max_page=-(-total // per),
        cur_page=cur,
        per_page=per,
        data=[show(row) for row in rows],
    )
