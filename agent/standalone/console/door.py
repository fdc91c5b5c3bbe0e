"""The door: the first run's owner, signing in, signing out."""

from __future__ import annotations

import hmac
import logging
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from sqlalchemy.orm import Session

from agent.standalone.bodies import in_time
from agent.standalone.console import access, accounts, passwords
from agent.standalone.console.visit import person_at, whole_seconds
from agent.standalone.console.words import words_of
from agent.standalone.services import SERVICES
from agent.standalone.store import audit
from agent.web.markup import Markup, asset, html
from agent.web.parts import page
from agent.web.serving import HEADERS, page_response

MOST_BY_NAME = 30
"""Failed attempts on one name in five minutes, from wherever. A browser from which the account was entered before is
counted by itself: whoever guesses at an administrator's name locks no administrator out (OWASP, "device cookies").
"""
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

log = logging.getLogger(__name__)


def _code() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))


@dataclass(slots=True)
class Door:
    """What the door remembers as long as the server runs. `set_up_code` (60 random bits) lets in the first owner from
    another machine; it is printed in the terminal.
    """

    by_address: access.Attempts = field(default_factory=access.Attempts)
    by_name: access.Attempts = field(default_factory=lambda: access.Attempts(MOST_BY_NAME))
    by_browser: access.Attempts = field(default_factory=access.Attempts)
    set_up_code: str = field(default_factory=_code, repr=False)


DOOR = web.AppKey("door", Door)


def routes() -> list[web.RouteDef]:
    """The routes."""
    return [
        web.post("/console/set-up", set_up),
        web.post("/console/sign-in", sign_in),
        web.post("/console/sign-out", sign_out),
    ]


async def door_page(request: web.Request, message: str = "", status: int = 200, **typed: str) -> web.Response:
    """What stands in place of every page for somebody who is not signed in; `typed` is put into the fields again."""
    services = request.app[SERVICES]
    if await services.database.run(accounts.is_empty):
        return page_response(_set_up_page(request, message, typed), status)
    return page_response(_sign_in_page(request, message, typed), status)


async def set_up(request: web.Request) -> web.Response:
    """The first owner: name and password, and from another machine the code of the terminal."""
    services, door, words = request.app[SERVICES], request.app[DOOR], words_of(request)
    if not access.is_own_form(request):
        return await door_page(request, status=403)
    form = await _form(request)
    typed = {"name": form.get("name", ""), "code": form.get("code", "")}
    address, now = access.address_of(request), services.clock()
    if (wait := door.by_address.wait(address, now)) > 0:
        return await _slow_down(request, wait)
    if not access.is_at_this_machine(request):
        given = form.get("code", "").strip().upper().replace(" ", "")
        if not hmac.compare_digest(given.encode(), door.set_up_code.encode()):
            door.by_address.fail(address, now)
            return await door_page(request, words["wrong_code"], 403, **typed)
    name, password = form.get("name", "").strip(), form.get("password", "")
    wrong = ""
    if not accounts.is_name(name):
        wrong = "bad_name"
    elif not passwords.is_good(password, name):
        wrong = "bad_password"
    elif password != form.get("again", ""):
        wrong = "not_twice"
    if wrong:
        return await door_page(request, words[wrong], 400, **typed)
    owner = {"name": name, "password_hash": await passwords.hashed(password), "address": request.remote or ""}
    account_id = await services.database.run(_first_owner, now, **owner)
    if account_id is None:
        return await door_page(request, words["has_owner"], 409)
    log.info("the console has an owner, %r, from %s", name, request.remote)
    return await _enter(request, account_id, accounts.key_of(name), "")


async def sign_in(request: web.Request) -> web.Response:
    """Compare name and password, and begin a session. A name that nobody has takes as long, and says the same."""
    services, door, words = request.app[SERVICES], request.app[DOOR], words_of(request)
    if not access.is_own_form(request):
        return await door_page(request, status=403)
    form = await _form(request)
    name, password, wanted = form.get("name", ""), form.get("password", ""), form.get("next", "")
    address, key, now = access.address_of(request), accounts.key_of(name), services.clock()
    known = access.known_browser(request, key)
    counted = [(door.by_browser, known)] if known else [(door.by_address, address), (door.by_name, key)]
    if (wait := max(attempts.wait(whose, now) for attempts, whose in counted)) > 0:
        return await _slow_down(request, wait)
    for attempts, whose in counted:
        attempts.fail(whose, now)  # before it is compared: many at once are no more than many one after the other
    account = await services.database.run(accounts.find, name)
    right = await passwords.matches(account.password_hash if account else None, password)
    if account is None or not right or account.disabled:
        log.warning("the console refused %r from %s", name[: accounts.MOST_NAME_CHARS], request.remote)
        return await door_page(request, words["wrong"], 403, name=name, next=wanted)
    for attempts, whose in counted:
        attempts.succeed(whose)
    return await _enter(request, account.account_id, key, wanted)


async def sign_out(request: web.Request) -> web.Response:
    """End the session; only a form of this session may."""
    found = await person_at(request)
    answer = web.Response(status=303, headers={**HEADERS, "Location": "/"})
    given = (await _form(request)).get("form_token", "")
    if found is not None and access.is_own_form(request) and access.is_form_of(request, found[1], given):
        person = found[0]
        await request.app[SERVICES].database.run(accounts.end_session, person.account_id, person.session_id)
        access.del_cookie(answer)
    return answer


async def _enter(request: web.Request, account_id: int, key: str, wanted: str) -> web.Response:
    services = request.app[SERVICES]
    if (former := await person_at(request)) is not None:  # this browser has no use for it any more, nor has a thief
        person, _ = former
        await services.database.run(accounts.end_session, person.account_id, person.session_id)
    browser = request.headers.get("User-Agent", "")[:200]
    cookie = await services.database.run(
        accounts.begin_session, services.clock(), account_id, request.remote or "", browser
    )
    answer = web.Response(status=303, headers={**HEADERS, "Location": wanted if is_own_path(wanted) else "/"})
    secure = access.is_secure(request, services)
    access.set_cookie(answer, cookie, accounts.LONGEST_SECONDS, secure=secure)
    access.remember_browser(answer, services.keys.known_browser(key), secure=secure)
    return answer


def is_own_path(wanted: str) -> bool:
    """Whether an address that a form asks to be sent to is one of the console, and nothing else can be read into it."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return False
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted and " " not in wanted
    return plain and not parts.scheme and not parts.netloc and parts.path.startswith("/console/")


async def _slow_down(request: web.Request, wait: float) -> web.Response:
    answer = await door_page(request, words_of(request)["slow_down"], 429)
    answer.headers["Retry-After"] = whole_seconds(wait)
    return answer


async def _form(request: web.Request) -> dict[str, str]:
    async with in_time():
        fields = await request.post()
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _first_owner(session: Session, now: float, *, name: str, password_hash: str, address: str) -> int | None:
    if not accounts.is_empty(session):
        return None
    account = accounts.add(session, now, name, accounts.ADMINISTRATOR, password_hash)
    if account is None:
        return None
    audit.note(session, now, "set_up", {}, who=name, address=address)
    return account.account_id


def _set_up_page(request: web.Request, message: str, typed: dict[str, str]) -> Markup:
    words = words_of(request)
    code = Markup()
    if not access.is_at_this_machine(request):
        code = html(
            asset("set_up_code.html", __package__),
            label=words["set_up_code"],
            hint=words["set_up_code_hint"],
            value=typed.get("code", ""),
        )
    return _page(
        request,
        "set_up.html",
        message,
        welcome=words["welcome"],
        code=code,
        typed_name=typed.get("name", ""),
        password_hint=words["password_hint"],
        again=words["again"],
        go=words["set_up"],
        least=passwords.LEAST_CHARS,
    )


def _sign_in_page(request: web.Request, message: str, typed: dict[str, str]) -> Markup:
    words = words_of(request)
    wanted = typed.get("next", "") if request.method == "POST" else request.path_qs
    return _page(
        request,
        "sign_in.html",
        message,
        next=wanted if is_own_path(wanted) else "",
        typed_name=typed.get("name", ""),
        hint=words["forgotten"],
        go=words["sign_in"],
    )


def _page(request: web.Request, template: str, message: str, **values: Any) -> Markup:
    services, words = request.app[SERVICES], words_of(request)
    body = html(
        asset(template, __package__),
        title=services.settings.name,
        name=words["person_name"],
        password=words["password"],
        message=html('<p class="wrong" role="alert">{text}</p>', text=message) if message else Markup(),
        other=words.other,
        other_language=words["other_language"],
        **values,
    )
    return page(services.settings.name, words, body)
