"""Who changed what: one row a change, written in the change's own transaction."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from agent.standalone.store.schema import Audit, Base

KEPT = 20_000
"""So many changes are kept; the oldest go."""
_TIDIED_EVERY = 100
_SHOWN_CHARS = 200
_ENTER = insert(Base.metadata.tables[Audit.__tablename__])
"""The table's statement, not the class's: an object for each change takes five times as long."""


def note(session: Session, at: float, what: str, about: Mapping[str, str], *, who: str, address: str) -> None:
    """Enter a change. `about` is shown to administrators: it must hold no secret."""
    shown = {name: text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…" for name, text in about.items()}
    row = {"at": at, "who": who, "address": address, "what": what, "about": shown}
    key = session.connection().execute(_ENTER, row).inserted_primary_key
    assert key is not None
    if key.audit_id % _TIDIED_EVERY == 0:
        session.execute(delete(Audit).where(Audit.audit_id <= key.audit_id - KEPT))
