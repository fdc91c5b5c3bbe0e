"""People and their browsers in the database: accounts, sessions, and the one rule that outranks an order: somebody can
always administer.
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from agent.standalone.keys import digest
from agent.standalone.store.schema import Account, ConsoleSession

ADMINISTRATOR = "administrator"
VIEWER = "viewer"
ROLES = (ADMINISTRATOR, VIEWER)
MOST_NAME_CHARS = 64
IDLE_SECONDS = 12 * 3600.0
"""A session ends when nothing was heard of its browser for so long. A wall display asks every few seconds."""
LONGEST_SECONDS = 14 * 86400.0
"""And at the latest then, whatever was heard."""
_SEEN_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, by which session."""

    account_id: int
    name: str
    role: str
    session_id: int

    @property
    def is_administrator(self) -> bool:
        """Whether this person may change anything and see secrets."""
        return self.role == ADMINISTRATOR


def key_of(name: str) -> str:
    """A name as it is compared: neither case nor the way of typing it makes another one."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def is_name(name: str) -> bool:
    """Whether an account may be called so."""
    return 0 < len(name) <= MOST_NAME_CHARS and name == name.strip() and name.isprintable()


def is_empty(session: Session) -> bool:
    """Whether nobody has an account yet: the first run."""
    return session.scalar(select(Account.account_id).limit(1)) is None


def find(session: Session, name: str) -> Account | None:
    """The account of a name."""
    return session.scalar(select(Account).where(Account.key == key_of(name)))


def add(session: Session, now: float, name: str, role: str, password_hash: str) -> Account | None:
    """A new account; None where the name is taken."""
    if find(session, name) is not None:
        return None
    account = Account(name=name, key=key_of(name), role=role, password_hash=password_hash, created=now, updated=now)
    session.add(account)
    session.flush()
    return account


def is_last_administrator(session: Session, account: Account) -> bool:
    """Whether nobody could administer without this account."""
    others = select(Account.account_id).where(
        Account.role == ADMINISTRATOR, Account.disabled == 0, Account.account_id != account.account_id
    )
    return account.role == ADMINISTRATOR and not account.disabled and session.scalar(others.limit(1)) is None


def set_password(session: Session, now: float, account: Account, password_hash: str, *, keep: int = 0) -> None:
    """Change a password; every session of the account but `keep` ends."""
    account.password_hash, account.updated = password_hash, now
    end_sessions(session, account.account_id, keep=keep)


def begin_session(session: Session, now: float, account_id: int, address: str, browser: str) -> str:
    """A new session; the value of its cookie."""
    cookie = secrets.token_urlsafe(32)
    session.execute(delete(ConsoleSession).where(is_over(now)))
    session.add(
        ConsoleSession(
            cookie_hash=digest(cookie), account_id=account_id, began=now, seen=now, address=address, browser=browser
        )
    )
    session.get_one(Account, account_id).signed_in = now
    return cookie


def person_of(session: Session, now: float, cookie: str) -> Person | None:
    """Who sends this cookie; None where it opens nothing (any more)."""
    query = (
        select(ConsoleSession, Account)
        .join(Account, Account.account_id == ConsoleSession.account_id)
        .where(ConsoleSession.cookie_hash == digest(cookie), ~is_over(now), Account.disabled == 0)
    )
    found = session.execute(query).one_or_none()
    if found is None:
        return None
    row, account = found
    if now - row.seen >= _SEEN_EVERY_SECONDS:
        row.seen = now
    return Person(account.account_id, account.name, account.role, row.session_id)


def is_over(now: float) -> ColumnElement[bool]:
    """Whether a session has ended, as a condition."""
    return (ConsoleSession.seen <= now - IDLE_SECONDS) | (ConsoleSession.began <= now - LONGEST_SECONDS)


def sessions_of(session: Session, now: float, account_id: int) -> list[ConsoleSession]:
    """The open sessions of an account, the latest first."""
    query = select(ConsoleSession).where(ConsoleSession.account_id == account_id, ~is_over(now))
    return list(session.scalars(query.order_by(ConsoleSession.seen.desc(), ConsoleSession.session_id.desc())))


def end_session(session: Session, account_id: int, session_id: int) -> bool:
    """End one session of an account; whether there was one."""
    found = session.get(ConsoleSession, session_id)
    if found is None or found.account_id != account_id:
        return False
    session.delete(found)
    return True


def end_sessions(session: Session, account_id: int, *, keep: int = 0) -> None:
    """End all sessions of an account but `keep`."""
    session.execute(
        delete(ConsoleSession).where(ConsoleSession.account_id == account_id, ConsoleSession.session_id != keep)
    )
