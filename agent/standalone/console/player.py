"""The page that plays a recording, to be framed: `play_record` of API v1 gives its address."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.orm import Session

from agent.standalone import storage
from agent.standalone.console.words import words_of
from agent.standalone.downloads import file_name
from agent.standalone.framing import framed_headers
from agent.standalone.live.player import pixels
from agent.standalone.services import SERVICES, Services
from agent.standalone.store.schema import Camera, Record, Subject
from agent.web.markup import Markup, asset, html
from agent.web.serving import page_response
from agent.web.words import Table, Words

_WORDS: Table = {
    "not_found": ("没有这个录像，或播放地址已失效。", "There is no such recording, or this address is no longer good."),
    "download": ("下载", "Download"),
}


def routes() -> list[web.RouteDef]:
    """The routes."""
    return [web.get("/play/record/{ticket}", player), web.get("/play/record/{ticket}/download", download)]


async def player(request: web.Request) -> web.Response:
    """A page to be framed that plays one recording; its address is the ticket that `play_record` gave."""
    services, words = request.app[SERVICES], Words(words_of(request).language, _WORDS)
    ticket = request.match_info["ticket"]
    record_id = services.keys.admitted("record", ticket)
    opened = read if request.method == "HEAD" else click
    record = None if record_id is None else await services.database.run(opened, record_id)
    if record is None:
        return _not_there(services, words)
    page = html(
        asset("player.html", __package__),
        lang=words.tag,
        title=services.settings.name,
        file=record.file_fdfs,
        width=pixels(request, "width", 850),
        height=pixels(request, "height", 550),
        address=f"/play/record/{ticket}/download",
        download=words["download"],
        poster=html(' poster="{image}"', image=record.image_fdfs) if record.image_fdfs else Markup(),
    )
    return page_response(page, 200, framed_headers(services))


async def download(request: web.Request) -> web.StreamResponse:
    """The recording's file, to be saved under a name that tells what it is."""
    services = request.app[SERVICES]
    record_id = services.keys.admitted("record", request.match_info["ticket"])
    found = None if record_id is None else await services.database.run(named_record, record_id)
    if found is None:
        return _not_there(services, Words(words_of(request).language, _WORDS))
    record, room, subject = found
    name = file_name(room, subject, services.local(record.started), record.slice_inx)
    return await storage.download(request, record.file_fdfs, name)


def _not_there(services: Services, words: Words) -> web.Response:
    text = html("<!doctype html><title>404</title><p>{text}</p>", text=words["not_found"])
    return page_response(text, 404, framed_headers(services))


def named_record(session: Session, record_id: int) -> tuple[Record, str, str] | None:
    """A recording with the names of its channel and subject."""
    record = session.get(Record, record_id)
    if record is None:
        return None
    camera, subject = session.get(Camera, record.camera_id), session.get(Subject, record.subject_id)
    return record, camera.camera_name if camera else "", subject.subject_name if subject else ""


def read(session: Session, record_id: int) -> Record | None:
    """A recording; None where there is none."""
    return session.get(Record, record_id)


def click(session: Session, record_id: int) -> Record | None:
    """The same, opened once more."""
    record = read(session, record_id)
    if record is not None:
        record.clicks += 1
    return record
