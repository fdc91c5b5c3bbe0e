"""Who may sign in: administrators and viewers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.standalone.console import accounts, fields
from agent.standalone.console.pages.people import actions
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.standalone.store.schema import Account, ConsoleSession
from agent.web.markup import Markup, asset, html, joined
from agent.web.words import Table

_WORDS: Table = {
    "roles_hint": (
        "管理员可以修改一切；只读用户可以看画面、课表和录像，看不到密码和密钥，也不能修改。",
        "Administrators may change everything. Viewers see pictures, timetable and recordings; no passwords, no keys, "
        "and they change nothing.",
    ),
    "add_user": ("添加用户", "Add a user"),
    "role": ("角色", "Role"),
    "you": ("当前用户", "you"),
    "signed_in": ("最近登录", "last signed in"),
    "never": ("从未登录", "never signed in"),
    "sessions": ("在线会话", "open sessions"),
    "is_disabled": ("已停用", "disabled"),
    "disable": ("停用", "Disable"),
    "enable": ("启用", "Enable"),
    "make_viewer": ("改为只读用户", "Make a viewer"),
    "make_administrator": ("改为管理员", "Make an administrator"),
    "new_password": ("设置新密码", "Set a new password"),
    "sure_delete": ("删除用户“{name}”？", "Delete the user “{name}”?"),
}


def _read(session: Session, now: float) -> tuple[Sequence[Account], dict[int, int]]:
    counted = select(ConsoleSession.account_id, func.count()).where(~accounts.is_over(now))
    sessions = {row[0]: row[1] for row in session.execute(counted.group_by(ConsoleSession.account_id))}
    return session.scalars(select(Account).order_by(Account.account_id)).all(), sessions


async def view(visit: Visit) -> Markup:
    """The page."""
    words = visit.words
    everybody, sessions = await visit.read(_read, visit.now)
    inputs = [
        fields.field("name", words["person_name"], required=True, autocomplete="username", maxlength=64),
        fields.choice("role", words["role"], {role: words[role] for role in reversed(accounts.ROLES)}),
        *password_fields(visit),
    ]
    return html(
        asset("users.html", __package__),
        hint=words["roles_hint"],
        users=joined(_user(visit, account, sessions.get(account.account_id, 0)) for account in everybody),
        title=words["add_user"],
        form=fields.form("add_user", inputs, words["add"]),
    )


def password_fields(visit: Visit) -> list[Markup]:
    """A new password, twice."""
    words = visit.words
    new: dict[str, Any] = {"autocomplete": "new-password", "required": True}
    return [
        fields.field("password", words["password"], kind="password", explained=words["password_hint"], **new),
        fields.field("again", words["again"], kind="password", **new),
    ]


def of_whom(name: str) -> Markup:
    """Whose password a form is about, for the browser's password store; not sent."""
    return html('<input type="text" value="{name}" autocomplete="username" hidden>', name=name)


def _user(visit: Visit, account: Account, sessions: int) -> Markup:
    words, account_id = visit.words, account.account_id
    is_administrator, is_disabled = account.role == accounts.ADMINISTRATOR, bool(account.disabled)
    other = accounts.VIEWER if is_administrator else accounts.ADMINISTRATOR
    when = f"{words['signed_in']}: {visit.services.stamp(account.signed_in)}" if account.signed_in else words["never"]
    notes = [when, f"{words['sessions']}: {sessions}"]
    if account_id == visit.person.account_id:
        notes.insert(0, words["you"])
    return html(
        asset("user.html", __package__),
        name=account.name,
        kind="offline" if is_disabled else "online" if is_administrator else "idle",
        role=words["is_disabled"] if is_disabled else words[account.role],
        notes=" · ".join(notes),
        presses=joined(
            [
                fields.press("mod_user", words[f"make_{other}"], account_id=account_id, role=other),
                fields.press(
                    "mod_user",
                    words["enable" if is_disabled else "disable"],
                    account_id=account_id,
                    disabled=int(not is_disabled),
                ),
                fields.press(
                    "del_user",
                    words["delete"],
                    sure=words["sure_delete"].format(name=account.name),
                    is_danger=True,
                    account_id=account_id,
                ),
            ]
        ),
        password=_password(visit, account),
    )


def _password(visit: Visit, account: Account) -> Markup:
    """Where a new password is set: the own one on a page of its own, which asks for the present one."""
    words = visit.words
    if account.account_id == visit.person.account_id:
        return html('<p><a href="/console/account">{text}</a></p>', text=words["new_password"])
    inputs = [fields.hidden(account_id=account.account_id), of_whom(account.name), *password_fields(visit)]
    return html(
        "<details><summary>{title}</summary>{form}</details>",
        title=words["new_password"],
        form=fields.form("mod_user", inputs, words["save"]),
    )


PAGE = Page(
    "/console/users",
    ("用户", "Users"),
    view,
    words=_WORDS,
    actions=actions.OF_USERS,
    administrators_only=True,
)
