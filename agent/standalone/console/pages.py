"""The routes of the console and of the player pages."""

from __future__ import annotations

import math

from aiohttp import web
from sqlalchemy.orm import Session

from agent.standalone.console import access
from agent.standalone.console.render import Renderer
from agent.standalone.console.view import dashboard
from agent.standalone.console.words import Words
from agent.standalone.services import SERVICES
from agent.standalone.store.schema import Record
from agent.web.markup import Markup, asset, html
from agent.web.serving import HEADERS, POLICY, asset_routes, language_of, page_response, take_language_choice

ATTEMPTS = web.AppKey("attempts", access.Attempts)
_FRAMED = {**HEADERS, "Content-Security-Policy": POLICY + "; frame-ancestors *"}


def routes() -> list[web.RouteDef]:
    """The routes."""
    return [
        web.get("/", home),
        web.get("/console/live", live),
        web.post("/console/sign-in", sign_in),
        web.post("/console/sign-out", sign_out),
        *asset_routes(),
        web.get("/play/record/{ticket}", player),
    ]


async def home(request: web.Request) -> web.Response:
    """The page, or the door to it."""
    take_language_choice(request)
    services = request.app[SERVICES]
    session = access.session_of(request)
    if session is None:
        return page_response(_renderer(request).sign_in())
    view = await services.database.run(dashboard, services.clock(), services.zone)
    page = _renderer(request).home(view, services.keys.form_token(session), services.base_url(request))
    return page_response(page)


async def live(request: web.Request) -> web.Response:
    """The part of the page that changes."""
    services = request.app[SERVICES]
    if access.session_of(request) is None:
        return web.Response(status=401, headers=HEADERS)
    view = await services.database.run(dashboard, services.clock(), services.zone)
    return page_response(_renderer(request).live(view))


async def sign_in(request: web.Request) -> web.Response:
    """Compare the credential, and begin a session."""
    services, attempts = request.app[SERVICES], request.app[ATTEMPTS]
    words = _words(request)
    if not access.is_own_form(request):
        return page_response(Renderer(services, words).sign_in(), 403)
    address, now = request.remote or "", services.clock()
    if (wait := attempts.wait(address, now)) > 0:
        page = page_response(Renderer(services, words).sign_in(words["slow_down"]), 429)
        page.headers["Retry-After"] = str(math.ceil(wait))
        return page
    given = (await request.post()).get("credential", "")
    if not isinstance(given, str) or not services.keys.is_credential(given.strip()):
        attempts.fail(address, now)
        return page_response(Renderer(services, words).sign_in(words["wrong"]), 403)
    answer = web.Response(status=303, headers={**HEADERS, "Location": "/"})
    access.begin_session(answer, services, secure=access.is_secure(request, services))
    return answer


async def sign_out(request: web.Request) -> web.Response:
    """End the session; only a form of this session may."""
    session = access.session_of(request)
    given = (await request.post()).get("form_token", "")
    answer = web.Response(status=303, headers={**HEADERS, "Location": "/"})
    if session is not None and isinstance(given, str) and access.is_form_of(request, session, given):
        access.end_session(answer)
    return answer


async def player(request: web.Request) -> web.Response:
    """A page to be framed that plays one recording; its address is the ticket that `play_record` gave."""
    services, words = request.app[SERVICES], _words(request)
    record_id = services.keys.redeem("record", request.match_info["ticket"])
    record = None if record_id is None else await services.database.run(_click, record_id)
    if record is None:
        return page_response(
            html("<!doctype html><title>404</title><p>{text}</p>", text=words["not_found"]), 404, _FRAMED
        )
    page = html(
        asset("player.html", __package__),
        lang=words.tag,
        title=services.settings.name,
        file=record.file_fdfs,
        width=_pixels(request, "width", 850),
        height=_pixels(request, "height", 550),
        poster=html(' poster="{image}"', image=record.image_fdfs) if record.image_fdfs else Markup(),
    )
    return page_response(page, 200, _FRAMED)


def _click(session: Session, record_id: int) -> Record | None:
    record = session.get(Record, record_id)
    if record is not None:
        record.clicks += 1
    return record


def _pixels(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 6 else default


def _words(request: web.Request) -> Words:
    return Words(language_of(request))


def _renderer(request: web.Request) -> Renderer:
    return Renderer(request.app[SERVICES], _words(request))
