"""How pages go out over HTTP: headers that let in nothing from elsewhere, the style sheet, the script, the language."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from agent.web.markup import Markup, asset
from agent.web.words import LANGUAGES, preferred

LANGUAGE_COOKIE = "gather_lang"
POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY + "; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def asset_routes() -> list[web.RouteDef]:
    """The routes of style sheet and script, as `page.html` names them."""
    return [web.get("/console/console.css", stylesheet), web.get("/console/console.js", script)]


async def stylesheet(_request: web.Request) -> web.Response:
    """The style sheet."""
    return _asset("console.css", "text/css")


async def script(_request: web.Request) -> web.Response:
    """The script."""
    return _asset("console.js", "text/javascript")


def _asset(name: str, content_type: str) -> web.Response:
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=asset(name), content_type=content_type, charset="utf-8", headers=headers)


def page_response(page: Markup, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A page as an answer."""
    return web.Response(
        status=status, text=str(page), content_type="text/html", charset="utf-8", headers=dict(headers or HEADERS)
    )


def language_of(request: web.Request) -> str:
    """The language that a visitor chose, else the one that the browser asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred(request.headers.get("Accept-Language", ""))


def take_language_choice(request: web.Request) -> None:
    """`?lang=en`: keep the choice and show the same page without it (raises the redirect)."""
    if (wish := request.query.get("lang")) in LANGUAGES:
        answer = web.HTTPSeeOther(request.path)
        answer.set_cookie(LANGUAGE_COOKIE, wish, max_age=365 * 86400, path="/", httponly=True, samesite="Lax")
        raise answer
