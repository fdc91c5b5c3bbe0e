"""The page that plays a recording, to be framed: `play_record` of API v1 gives its address."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.orm import Session

from agent.standalone.console.words import words_of
from agent.standalone.live.player import pixels
from agent.standalone.services import SERVICES
from agent.standalone.store.schema import Record
from agent.web.markup import Markup, asset, html
from agent.web.serving import HEADERS, POLICY, page_response
from agent.web.words import Table, Words

_FRAMED = {**HEADERS, "Content-Security-Policy": POLICY + "; frame-ancestors *"}
_WORDS: Table = {"not_found": ("没有这个录像。", "There is no such recording.")}


def routes() -> list[web.RouteDef]:
    """The route."""
    return [web.get("/play/record/{ticket}", player)]


async def player(request: web.Request) -> web.Response:
    """A page to be framed that plays one recording; its address is the ticket that `play_record` gave."""
    services, words = request.app[SERVICES], Words(words_of(request).language, _WORDS)
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
        width=pixels(request, "width", 850),
        height=pixels(request, "height", 550),
        poster=html(' poster="{image}"', image=record.image_fdfs) if record.image_fdfs else Markup(),
    )
    return page_response(page, 200, _FRAMED)


def _click(session: Session, record_id: int) -> Record | None:
    record = session.get(Record, record_id)
    if record is not None:
        record.clicks += 1
    return record
