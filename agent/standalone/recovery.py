"""A forgotten password, on the server's own machine: who may read its folder may set one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.console import accounts, passwords
from agent.standalone.keys import Keys
from agent.standalone.settings import ServerSettings, SettingsError
from agent.standalone.store import audit
from agent.standalone.store.database import Database
from agent.standalone.store.schema import Account
from agent.standalone.store.sealed import Vault


class NoSuchAccount(Exception):
    """The name means nobody; `names` are those there are."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


async def reset_password(settings: ServerSettings, name: str, ask: Callable[[str], str]) -> str:
    """Set the password that `ask(name)` gives, let the account in again, and end its sessions; the account's name.

    An empty name means the only administrator.  Where there is no account yet, one is made: an owner.  May be done
    while the server runs.  Raises `NoSuchAccount`, and `SettingsError` where there is no database.
    """
    secrets = settings.data_dir / "secrets.json"
    if not _is_there(secrets):
        raise SettingsError(f"{settings.data_dir} holds no server: start it once")
    database = Database(settings.database, Vault(Keys(secrets, time.time).sealing_key))
    try:
        await database.open(time.time())
        whose = await database.run(_whose, name)
        password_hash = await passwords.hashed(ask(whose))
        await database.run(_reset, time.time(), whose, password_hash)
    finally:
        await database.close()
    return whose


def _is_there(file: Path) -> bool:
    return file.is_file()


def _whose(session: Session, name: str) -> str:
    everybody = session.scalars(select(Account).order_by(Account.account_id)).all()
    if name and (account := accounts.find(session, name)) is not None:
        return account.name
    administrators = [one.name for one in everybody if one.role == accounts.ADMINISTRATOR]
    if not name and len(administrators) == 1:
        return administrators[0]
    if name and not everybody and accounts.is_name(name):
        return name
    raise NoSuchAccount([one.name for one in everybody])


def _reset(session: Session, now: float, name: str, password_hash: str) -> None:
    account = accounts.find(session, name)
    if account is None:
        accounts.add(session, now, name, accounts.ADMINISTRATOR, password_hash)
    else:
        account.disabled = 0
        accounts.set_password(session, now, account, password_hash)
    audit.note(session, now, "reset_password", {"name": name}, who="gather-agent password", address="")
