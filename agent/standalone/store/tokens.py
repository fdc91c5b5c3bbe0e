"""The access tokens of API v1 that are open: made, used, and ended one by one."""

from __future__ import annotations

from sqlalchemy import ColumnElement, bindparam, delete, select, update
from sqlalchemy.orm import Session

from agent.standalone.store.schema import ApiToken

TOKEN_SECONDS = 7200
"""So long an access token is good."""
MOST_OPEN = 10_000
"""Of more the oldest end: a program that gets a token for each call must not fill the disk."""
_SEEN_EVERY_SECONDS = 60.0
_PROGRAM_CHARS = 200
_SEEN = select(ApiToken.seen).where(ApiToken.token_id == bindparam("token_id"))
"""Made once: every call asks it."""


def issue(session: Session, now: float, address: str, program: str) -> int:
    """Note a new token, for the program at this address, which calls itself so; its id. What is over goes."""
    session.execute(delete(ApiToken).where(~_is_open(now)))
    row = ApiToken(made=now, seen=now, address=address, program=program[:_PROGRAM_CHARS])
    session.add(row)
    session.flush()
    session.execute(delete(ApiToken).where(ApiToken.token_id <= row.token_id - MOST_OPEN))
    return row.token_id


def use(session: Session, now: float, token_id: int) -> bool:
    """Whether a token, which is signed and in time, was not revoked."""
    seen = session.scalar(_SEEN, {"token_id": token_id})
    if seen is not None and now - seen >= _SEEN_EVERY_SECONDS:
        session.execute(update(ApiToken).where(ApiToken.token_id == token_id).values(seen=now))
    return seen is not None


def open_tokens(session: Session, now: float, most: int = 100) -> list[ApiToken]:
    """The tokens that are good now, the one that was used last first."""
    order = (ApiToken.seen.desc(), ApiToken.token_id.desc())
    return list(session.scalars(select(ApiToken).where(_is_open(now)).order_by(*order).limit(most)))


def revoke(session: Session, token_id: int) -> bool:
    """End one token; whether there was one."""
    row = session.get(ApiToken, token_id)
    if row is None:
        return False
    session.delete(row)
    return True


def revoke_all(session: Session) -> None:
    """End every token, as a new credential does."""
    session.execute(delete(ApiToken))


def _is_open(now: float) -> ColumnElement[bool]:
    return ApiToken.made >= now - TOKEN_SECONDS
