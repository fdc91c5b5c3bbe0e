"""Who changed what, the latest first."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.api.dispatch import TABLE
from agent.standalone.console.filters import read_choices
from agent.standalone.console.lessons import names
from agent.standalone.console.pages.server.told import WORDS, Names, Told
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.standalone.store.schema import Account, Audit, Camera, Grade, School, Subject, Teacher
from agent.web.markup import Markup, asset, html, joined
from agent.web.words import Table

PER_PAGE = 100
_OWN: Table = {
    "set_up": ("首次设置管理员", "Set up the first administrator"),
    "add_device": ("添加 IPC 通道", "Add a channel: an IPC device"),
    "test_camera": ("测试通道", "Tested a channel"),
    "add_user": ("添加用户", "Add a user"),
    "mod_user": ("修改用户", "Change a user"),
    "del_user": ("删除用户", "Delete a user"),
    "change_password": ("修改自己的密码", "Changed the own password"),
    "reset_password": ("在服务器上重置密码", "Reset a password on the server's machine"),
    "end_session": ("结束会话", "Signed a browser out"),
    "replace_credential": ("更换 API 凭证", "Replaced the API credential"),
    "revoke_tokens": ("撤销全部 API 访问凭证", "Revoked all access tokens of the API"),
    "replace_enrol_key": ("更换接入密钥", "Replaced the enrol key"),
    "revoke_gather": ("撤销采集端访问权", "Revoked a recorder's access"),
    "revoke_token": ("撤销 API 访问凭证", "Revoked an access token of the API"),
}
_WORDS: Table = {
    **WORDS,
    "when": ("时间", "When"),
    "who": ("用户", "Who"),
    "what": ("操作", "What"),
    "about": ("内容", "About"),
    "older": ("更早 →", "Older →"),
    "no_changes": ("还没有修改记录。", "Nothing has been changed yet."),
    "newest": ("← 最新", "← Latest"),
}


def _read(session: Session, before: int) -> Sequence[Audit]:
    query = select(Audit).order_by(Audit.audit_id.desc()).limit(PER_PAGE)
    return session.scalars(query.where(Audit.audit_id < before) if before else query).all()


async def view(visit: Visit) -> Markup:
    """The page; `before` is the id from which on it goes further back."""
    words, before = visit.words, visit.number("before")
    rows = await visit.read(_read, before)
    told = Told(words, await visit.read(_names))
    older = ""
    if len(rows) == PER_PAGE:
        older = html('<a href="/console/changes?before={id}">{text}</a>', id=rows[-1].audit_id, text=words["older"])
    if not rows:
        return html('<p class="empty">{text}</p>', text=words["no_changes"])
    return html(
        asset("changes.html", __package__),
        when=words["when"],
        who=words["who"],
        what=words["what"],
        about=words["about"],
        rows=joined(_row(visit, told, row) for row in rows),
        newest=html('<a href="/console/changes">{text}</a>', text=words["newest"]) if before else "",
        older=older,
    )


def _names(session: Session) -> dict[str, Names]:
    grades = session.execute(select(Grade.grade_id, Grade.grade_type, Grade.grade_name))
    return {
        "account_id": names(session, Account.account_id, Account.name),
        "camera_id": names(session, Camera.camera_id, Camera.camera_name),
        "gather_id": dict(read_choices(session).gathers),
        "grade_id": {grade_id: f"{kind} {name}" for grade_id, kind, name in grades},
        "record_id": {},
        "school_id": names(session, School.school_id, School.name),
        "subject_id": names(session, Subject.subject_id, Subject.subject_name),
        "teacher_id": names(session, Teacher.teacher_id, Teacher.teacher_name),
    }


def _row(visit: Visit, told: Told, row: Audit) -> Markup:
    return html(
        '<tr><td>{at}</td><td>{who} <br><span class="small">{address}</span></td><td>{what}</td>'
        '<td class="small">{about}</td></tr>',
        at=visit.services.stamp(row.at),
        who=row.who,
        address=row.address,
        what=_said(row.what, visit.words.language),
        about=told.about(row.about),
    )


def _said(what: str, language: str) -> str:
    endpoint = TABLE.get(what)
    pair = endpoint.title if endpoint is not None else _OWN.get(what)
    return pair[language == "en"] if pair and pair[0] else what


PAGE = Page("/console/changes", ("修改记录", "Changes"), view, words=_WORDS, administrators_only=True)
