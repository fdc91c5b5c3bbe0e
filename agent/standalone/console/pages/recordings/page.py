"""The shelf of recordings, and what its player asks for."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aiohttp import web

from agent.standalone import storage
from agent.standalone.clocktime import length_text
from agent.standalone.console.filters import filter_of, read_choices
from agent.standalone.console.forms import FORM_WORDS, filter_form, pager
from agent.standalone.console.pages.recordings.view import RecordingView, Shelf, read_recording, read_shelf
from agent.standalone.console.player import click, named_record
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.standalone.downloads import file_name
from agent.web.markup import Markup, asset, html, joined
from agent.web.parts import gap_text, percent, size
from agent.web.serving import HEADERS
from agent.web.words import Table

PATH = "/console/recordings"
BACK_DAYS = 30
_KEY = re.compile(r"(\d{1,18})-(\d{1,18})")

_WORDS: Table = {
    **FORM_WORDS,
    "no_recordings": ("没有符合条件的录像。", "There is no such recording."),
    "parts": ("{count} 个片段", "{count} part{s}"),
    "part": ("片段 {number}", "Part {number}"),
    "clicks": ("播放 {count} 次", "played {count} time{s}"),
    "still_on": ("录制中", "still being recorded"),
    "repaired": ("断电或崩溃后修复", "repaired after a crash"),
    "player": ("播放器", "Player"),
    "pause": ("暂停", "Pause"),
    "back": ("后退 10 秒", "Back 10 s"),
    "forward": ("前进 10 秒", "Forward 10 s"),
    "position": ("播放位置", "Position"),
    "speed": ("倍速", "Speed"),
    "mute": ("静音", "Mute"),
    "full_screen": ("全屏", "Full screen"),
    "downloads": ("下载", "Download"),
    "delete_recording": ("删除录像", "Delete the recording"),
    "delete_question": (
        "确定删除「{title}」的全部 {count} 个片段吗？删除后无法恢复。",
        "Delete “{title}” with all its parts ({count})? They cannot be brought back.",
    ),
    "gone": ("该录像已被删除。", "This recording has been deleted."),
    "failed": ("无法播放：文件无法读取，或浏览器不支持该编码。", "It cannot be played: no file, or an unknown codec."),
}


async def view(visit: Visit) -> Markup:
    """The page: a filter and the recordings; with `show` that one alone."""
    words, zone = visit.words, visit.services.zone
    today = datetime.fromtimestamp(visit.now, zone).date()
    asked = filter_of(visit.request.query, today, BACK_DAYS)
    shown = _key(visit.text("show"))
    if shown is not None:
        one = await visit.read(read_recording, *shown)
        shelf = Shelf((one,) if one else (), more=False)
    else:
        shelf = await visit.read(read_shelf, asked, zone)
    choices = await visit.read(read_choices)
    items = joined(_card(visit, recording) for recording in shelf.recordings)
    empty = html('<p class="empty">{text}</p>', text=words["no_recordings"])
    return html(
        asset("recordings.html", __package__),
        form=filter_form(PATH, asked, choices, words),
        items=html('<ul class="records">{items}</ul>', items=items) if items else empty,
        pager=pager(PATH, asked, words, more=shelf.more) if shown is None else Markup(),
        show=visit.text("show") if shown is not None else "",
        at=visit.number("at") or "",
    )


def _key(text: str) -> tuple[int, int] | None:
    match = _KEY.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def _card(visit: Visit, one: RecordingView) -> Markup:
    words = visit.words
    when = visit.services.stamp(one.begin)[:16]
    until = visit.clock(one.end)[:5] if one.end is not None else ""
    title = one.title or words["by_hand"]
    notes = [words.of("parts", count=len(one.slices)), size(one.size)]
    if one.clicks:
        notes.append(words.of("clicks", count=one.clicks))
    if not one.ended:
        notes.append(words["still_on"])
    if any(piece.repaired for piece in one.slices):
        notes.append(words["repaired"])
    image = html('<img src="{src}" alt="" loading="lazy">', src=one.picture) if one.picture else Markup()
    return html(
        asset("card.html", __package__),
        key=one.key,
        address=f"{PATH}?show={one.key}",
        label=f"{words['play']}: {title}, {one.camera}, {when}",
        picture=image,
        length=length_text(one.length),
        title=title,
        room=" · ".join(filter(None, (one.camera, one.teacher))),
        when=f"{when} – {until}" if until else when,
        coverage=_coverage(visit, one),
        notes=" · ".join(notes),
    )


def _coverage(visit: Visit, one: RecordingView) -> Markup:
    if one.coverage is None:
        return Markup()
    kind = "done" if one.coverage >= 1 and not one.gaps else "partly"
    return html(
        '<span class="pill {kind}">{word} {share}</span>',
        kind=kind,
        word=visit.words["coverage"],
        share=percent(one.coverage),
    )


async def beside(visit: Visit) -> Markup:
    """The player."""
    words = visit.words
    keys = ("player", "play", "pause", "back", "forward", "position", "speed", "mute", "full_screen", "downloads")
    deletion = html(
        '<button type="button" class="delete danger" data-question="{question}">{text}</button>',
        question=words["delete_question"],
        text=words["delete_recording"],
    )
    return html(
        asset("player.html", __package__),
        deletion=deletion if visit.is_administrator else Markup(),
        close=words["close"],
        failed=words["failed"],
        gone=words["gone"],
        disconnected=words["disconnected"],
        gaps=words["gaps"],
        **{key: words[key] for key in keys},
    )


async def film(visit: Visit) -> Any:
    """A recording as the player takes it; opening it is a click on the slice in which it begins to play."""
    key = _key(visit.text("key"))
    one = await visit.read(read_recording, *key) if key else None
    if one is None:
        return web.Response(status=404, headers=HEADERS)
    if visit.request.method != "HEAD":
        await visit.read(click, one.slice_at(visit.number("at")).record_id)
    words = visit.words
    title = one.title or words["by_hand"]
    when = visit.services.stamp(one.begin)[:16]
    return {
        "title": title,
        "caption": " · ".join(filter(None, (title, one.camera, one.teacher, when))),
        "length": one.length,
        "offset": visit.services.local(one.begin).utcoffset().total_seconds(),  # type: ignore[union-attr]
        "clips": [asdict(clip) for clip in one.clips],
        "gaps": [{**asdict(gap), "text": gap_text(gap, words, visit.clock)} for gap in one.gaps],
        "records": [piece.record_id for piece in one.slices],
        "slices": [
            {
                "address": f"{PATH}/file/{piece.record_id}",
                "text": f"{words.of('part', number=piece.inx)} · {visit.clock(piece.started)} · "
                f"{length_text(piece.duration)} · {size(piece.size)}",
            }
            for piece in one.slices
        ],
    }


async def download(visit: Visit) -> web.StreamResponse:
    """A slice as a file, under a name that says what it is."""
    record_id = int(visit.request.match_info["record_id"])
    found = await visit.read(named_record, record_id)
    if found is None:
        raise web.HTTPNotFound
    record, room, subject = found
    name = file_name(room, subject, visit.services.local(record.started), record.slice_inx)
    return await storage.download(visit.request, record.file_fdfs, name)


PAGE = Page(
    PATH,
    ("录像", "Recordings"),
    view,
    words=_WORDS,
    beside=beside,
    data={"film": film, r"file/{record_id:\d{1,18}}": download},
    script="recordings.js",
    style="recordings.css",
    assets=("film.js",),
    room=__package__,
)
