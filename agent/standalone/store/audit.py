"""Who changed what: one row a change, written in the change's own transaction."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete
from sqlalchemy.orm import Session

from agent.standalone.store.schema import Audit

KEPT = 20_000
"""So many changes are kept; the oldest go."""
_TIDIED_EVERY = 100
_SHOWN_CHARS = 200


def note(session: Session, at: float, what: str, about: Mapping[str, str], *, who: str, address: str) -> None:
    """Enter a change. `about` is shown to administrators: it must hold no secret."""
    shown = {name: text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…" for name, text in about.items()}
    row = Audit(at=at, who=who, address=address, what=what, about=shown)
    session.add(row)
    session.flush()
    if row.audit_id % _TIDIED_EVERY == 0:
        session.execute(delete(Audit).where(Audit.audit_id <= row.audit_id - KEPT))
