"""The console's routes, made from its pages."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from agent.standalone.console import do, door, player
from agent.standalone.console.frame import framed
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Handler, Visit, visit_of
from agent.standalone.console.words import PAGE_WORDS, Words
from agent.web.markup import Markup, asset, html
from agent.web.serving import HEADERS, asset_routes, language_of, page_response, take_language_choice

_OWN_ASSETS = ("act.js", "site.js", "site.css")
_TYPES = {".js": "text/javascript", ".css": "text/css"}


def enter(app: web.Application, pages: Sequence[Page]) -> None:
    """Give an application the console."""
    app[door.DOOR] = door.Door()
    app[PAGE_WORDS] = {page.path: page.title for page in pages}
    app.add_routes([*door.routes(), *player.routes(), *asset_routes(), *_assets(pages)])
    actions = [action for page in pages for action in page.actions]
    app.add_routes([do.route(actions, [change for page in pages for change in page.changes])])
    for page in pages:
        app.router.add_get(page.path, _shown(page, pages))
        for name, value in page.data.items():
            app.router.add_get(f"{page.path.rstrip('/')}/{name}", _value(page, value))


def _shown(page: Page, pages: Sequence[Page]) -> Handler:
    async def show(request: web.Request) -> web.StreamResponse:
        take_language_choice(request)
        visit = await _visit(request, page)
        is_part = "part" in request.query
        if visit is None:
            return web.Response(status=401, headers=HEADERS) if is_part else await door.door_page(request)
        if page.administrators_only and not visit.is_administrator:
            text = html('<p class="empty">{text}</p>', text=visit.words["only_administrators"])
            return page_response(framed(page, pages, visit, text, Markup()), 403)
        main = await page.view(visit)
        if is_part:
            return page_response(main)
        beside = await page.beside(visit) if page.beside is not None else Markup()
        return page_response(framed(page, pages, visit, main, beside))

    return show


def _value(page: Page, value: Callable[[Visit], Awaitable[Any]]) -> Handler:
    async def show(request: web.Request) -> web.StreamResponse:
        visit = await _visit(request, page)
        if visit is None:
            return web.Response(status=401, headers=HEADERS)
        if page.administrators_only and not visit.is_administrator:
            return web.Response(status=403, headers=HEADERS)
        found = await value(visit)
        if isinstance(found, web.StreamResponse):
            return found
        text = json.dumps(found, ensure_ascii=False)
        return web.Response(text=text, content_type="application/json", headers=HEADERS)

    return show


async def _visit(request: web.Request, page: Page) -> Visit | None:
    def words(request: web.Request) -> Words:
        titles = request.app[PAGE_WORDS]
        return Words(language_of(request), {**titles, **page.words})

    return await visit_of(request, words)


def _assets(pages: Sequence[Page]) -> list[web.RouteDef]:
    named = dict.fromkeys(_OWN_ASSETS, __package__)
    for page in pages:
        named |= {name: page.room for name in (page.script, page.style, *page.assets) if name}
    return [web.get(f"/console/assets/{name}", _asset(name, room)) for name, room in named.items()]


def _asset(name: str, package: str) -> Handler:
    async def serve(_request: web.Request) -> web.StreamResponse:
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        kind = _TYPES["." + name.rpartition(".")[2]]
        return web.Response(text=asset(name, package), content_type=kind, charset="utf-8", headers=headers)

    return serve
