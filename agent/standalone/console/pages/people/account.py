"""The own account: password, and the browsers that are signed in."""

from __future__ import annotations

from agent.standalone.console import accounts, fields
from agent.standalone.console.pages.people import actions
from agent.standalone.console.pages.people.users import of_whom, password_fields
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.standalone.store.schema import ConsoleSession
from agent.web.markup import Markup, asset, html, joined
from agent.web.words import Table

_WORDS: Table = {
    "change_password": ("修改密码", "Change your password"),
    "former_password": ("当前密码", "Your present password"),
    "others_end": (
        "修改后，您在其他浏览器上的登录将失效。",
        "Your other browsers are signed out by this.",
    ),
    "own_sessions": ("已登录的浏览器", "Browsers that are signed in"),
    "this_one": ("当前浏览器", "this one"),
    "began": ("登录于", "since"),
    "seen": ("最近活动", "last heard of"),
    "end": ("退出", "Sign out"),
    "end_others": ("退出其他所有浏览器", "Sign out all others"),
}


async def view(visit: Visit) -> Markup:
    """The page."""
    words = visit.words
    sessions = await visit.read(accounts.sessions_of, visit.now, visit.person.account_id)
    former = fields.field(
        "former_password", words["former_password"], kind="password", autocomplete="current-password", required=True
    )
    return html(
        asset("account.html", __package__),
        password_title=words["change_password"],
        hint=words["others_end"],
        form=fields.form(
            "change_password", [of_whom(visit.person.name), former, *password_fields(visit)], words["save"]
        ),
        sessions_title=words["own_sessions"],
        sessions=joined(_session(visit, one) for one in sessions),
        others=fields.press("end_session", words["end_others"], session_id=0) if len(sessions) > 1 else Markup(),
    )


def _session(visit: Visit, one: ConsoleSession) -> Markup:
    words, stamp = visit.words, visit.services.stamp
    is_own = one.session_id == visit.person.session_id
    return html(
        '<li><span>{browser}</span> <span class="small">{about}</span> {end}</li>',
        browser=one.browser or "–",
        about=f"{one.address} · {words['began']} {stamp(one.began)} · {words['seen']} {stamp(one.seen)}",
        end=html('<span class="pill online">{text}</span>', text=words["this_one"])
        if is_own
        else fields.press("end_session", words["end"], session_id=one.session_id),
    )


PAGE = Page(
    "/console/account",
    ("我的帐号", "Your account"),
    view,
    words=_WORDS,
    actions=actions.OF_ONESELF,
    under="/console/users",
)
