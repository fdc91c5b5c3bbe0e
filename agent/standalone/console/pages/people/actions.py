"""What may be done to accounts, as changes of the console: the rules between a form and `accounts`."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from agent.standalone.api.envelope import Err
from agent.standalone.api.params import Kind, Param, Params
from agent.standalone.console import accounts, passwords
from agent.standalone.console.site import Action, Refused
from agent.standalone.console.visit import Visit
from agent.standalone.console.words import pair
from agent.standalone.store.schema import Account

_LAST = ("这是最后一个可用的管理员，不能执行此操作。", "This is the last administrator: somebody has to remain.")
_TAKEN = ("用户名已存在。", "Somebody is called so already.")
_GONE = ("没有这个用户。", "There is no such user (any more).")
_NO_ROLE = ("角色无效。", "This is no role.")
_WRONG = ("当前密码不正确。", "This is not your present password.")
_OWN = ("请在“我的帐号”中修改自己的密码。", "Change your own password on the page of your account.")
_NO_SESSION = ("该会话已结束。", "This session has ended already.")


async def add_user(visit: Visit, params: Params) -> dict[str, Any]:
    """A new account."""
    name, role = params.text("name"), params.text("role")
    if not accounts.is_name(name):
        raise Refused(pair("bad_name"), "name")
    if role not in accounts.ROLES:
        raise Refused(_NO_ROLE, "role")
    password_hash = await _hash_of_new(params, name)
    account = await visit.read(accounts.add, visit.now, name, role, password_hash)
    if account is None:
        raise Refused(_TAKEN, "name")
    return {"account_id": account.account_id}


async def mod_user(visit: Visit, params: Params) -> dict[str, Any]:
    """Change role, password, or whether the account is disabled: what is given. Its sessions end, but the own one."""
    if params.given("password") and params.number("account_id") == visit.person.account_id:
        raise Refused(_OWN)  # there the present one is asked for: a browser left open is not a new password
    name = await visit.read(_name_of, params.number("account_id"))
    password_hash = await _hash_of_new(params, name) if params.given("password") else ""
    await visit.read(_mod_user, visit, params, password_hash)
    return {}


def _mod_user(session: Session, visit: Visit, params: Params, password_hash: str) -> None:
    account = _account(session, params)
    role = params.text("role") or account.role
    disabled = params.number("disabled", account.disabled)
    if role not in accounts.ROLES:
        raise Refused(_NO_ROLE, "role")
    if (role != accounts.ADMINISTRATOR or disabled) and accounts.is_last_administrator(session, account):
        raise Refused(_LAST)
    own = visit.person.session_id if account.account_id == visit.person.account_id else 0
    account.role, account.disabled, account.updated = role, int(bool(disabled)), visit.now
    if password_hash:
        account.password_hash = password_hash
    accounts.end_sessions(session, account.account_id, keep=own)


async def del_user(visit: Visit, params: Params) -> dict[str, Any]:
    """Delete an account; its sessions end."""
    await visit.read(_del_user, params)
    return {}


def _del_user(session: Session, params: Params) -> None:
    account = _account(session, params)
    if accounts.is_last_administrator(session, account):
        raise Refused(_LAST)
    accounts.end_sessions(session, account.account_id)
    session.delete(account)


async def change_password(visit: Visit, params: Params) -> dict[str, Any]:
    """Change the own password; the present one is asked for, and every other session ends."""
    account = await visit.read(_own, visit)
    if not await passwords.matches(account.password_hash, params.raw("former_password")):
        raise Refused(_WRONG, "former_password")
    password_hash = await _hash_of_new(params, account.name)
    await visit.read(_set_password, visit, password_hash)
    return {}


def _set_password(session: Session, visit: Visit, password_hash: str) -> None:
    accounts.set_password(session, visit.now, _own(session, visit), password_hash, keep=visit.person.session_id)


async def end_session(visit: Visit, params: Params) -> dict[str, Any]:
    """End one of the own sessions, or (0) all but this one."""
    account_id, session_id = visit.person.account_id, params.number("session_id")
    if not session_id:
        await visit.read(accounts.end_sessions, account_id, keep=visit.person.session_id)
    elif not await visit.read(accounts.end_session, account_id, session_id):
        raise Refused(_NO_SESSION)
    return {}


async def _hash_of_new(params: Params, name: str) -> str:
    password = params.raw("password")
    if not passwords.is_good(password, name):
        raise Refused(pair("bad_password"), "password")
    if password != params.raw("again"):
        raise Refused(pair("not_twice"), "again")
    return await passwords.hashed(password)


def _own(session: Session, visit: Visit) -> Account:
    return session.get_one(Account, visit.person.account_id)


def _name_of(session: Session, account_id: int) -> str:
    account = session.get(Account, account_id)
    return account.name if account is not None else ""


def _account(session: Session, params: Params) -> Account:
    account = session.get(Account, params.number("account_id"))
    if account is None:
        raise Refused(_GONE)
    return account


_ACCOUNT = Param("account_id", Kind.ID, missing=Err.NO_ID)
OF_USERS = (
    Action("add_user", add_user, (Param("name", missing=Err.NO_NAME),)),
    Action("mod_user", mod_user, (_ACCOUNT, Param("disabled", Kind.NUMBER))),
    Action("del_user", del_user, (_ACCOUNT,)),
)
OF_ONESELF = (
    Action("change_password", change_password, for_everyone=True),
    Action("end_session", end_session, (Param("session_id", Kind.NUMBER),), for_everyone=True),
)
