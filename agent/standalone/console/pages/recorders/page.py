"""All recorders with their channels, and how another PC is enrolled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from agent.standalone.api.params import Params
from agent.standalone.console.cards import channel_card
from agent.standalone.console.fields import copied, press
from agent.standalone.console.gathers import ChannelView, GatherView, read_channels, read_gathers
from agent.standalone.console.pages.overview.page import beside as watching
from agent.standalone.console.pages.storage.page import WORDS as STORAGE_WORDS
from agent.standalone.console.pages.storage.page import gather_line
from agent.standalone.console.site import Action, Page
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html, joined
from agent.web.parts import listed
from agent.web.words import Table

_WORDS: Table = {
    **STORAGE_WORDS,
    "settings": ("设置", "Settings"),
    "add_channel": ("添加通道", "Add a channel"),
    "enrol": ("接入新的采集端", "Enrol another PC"),
    "enrol_key": ("接入密钥", "Enrol key"),
    "enrol_how": (
        "在教室电脑上安装 gather-agent（见 docs/installation.md），然后运行：",
        "Install gather-agent on the classroom PC (docs/installation.md), then run there:",
    ),
    "enrol_then": (
        "几秒后它会出现在这里。密钥只在首次接入时使用，请勿外传。",
        "It appears here within seconds. The key is needed only this once; keep it to yourself.",
    ),
    "replace_enrol_key": ("更换接入密钥", "Replace the enrol key"),
    "sure_enrol_key": (
        "确定更换接入密钥吗？已接入的采集端不受影响，新的采集端需要新密钥。",
        "Replace the enrol key? Recorders that are enrolled go on; new ones need the new key.",
    ),
    "enrol_local": (
        "服务器目前只接受本机连接：要接入其他电脑，请把 standalone.host 设为 0.0.0.0（见 docs/operations.md）。",
        "This server listens to its own machine only. For other PCs: standalone.host = 0.0.0.0 (docs/operations.md).",
    ),
}


def _read(session: Session, now: float) -> tuple[tuple[GatherView, ...], list[ChannelView]]:
    return read_gathers(session, now), read_channels(session, now)


async def view(visit: Visit) -> Markup:
    """The recorders with their channels."""
    gathers, found = await visit.read(_read, visit.now)
    channels: dict[int, list[ChannelView]] = {}
    for channel in found:
        channels.setdefault(channel.gather_id, []).append(channel)
    sections = [_section(visit, one, channels.get(one.gather_id, [])) for one in gathers]
    return joined(sections) or html('<p class="empty">{text}</p>', text=visit.words["no_gathers"])


async def beside(visit: Visit) -> Markup:
    """How another PC is enrolled (for administrators), and where live pictures play."""
    words, services = visit.words, visit.services
    players = await watching(visit)
    if not visit.is_administrator:
        return players
    command = f"sudo gather-agent enrol {services.base_url(visit.request)} {services.keys.enrol_key}"
    enrol = html(
        asset("enrol.html", __package__),
        title=words["enrol"],
        local=words["enrol_local"] if services.settings.loopback else "",
        how=words["enrol_how"],
        command=copied("enrol-command", command, words["copy"], words["copied"]),
        then=words["enrol_then"],
        key_title=words["enrol_key"],
        key=copied("enrol-key", services.keys.enrol_key, words["copy"], words["copied"]),
        replace=press("replace_enrol_key", words["replace_enrol_key"], sure=words["sure_enrol_key"], is_danger=True),
    )
    return joined([enrol, players])


def _section(visit: Visit, gather: GatherView, channels: Sequence[ChannelView]) -> Markup:
    words, tools = visit.words, Markup()
    if visit.is_administrator:
        tools = html(
            '<p class="toolbar"><a class="button" href="/console/recorder?gather_id={id}">{settings}</a> '
            '<a class="button" href="/console/channel?gather_id={id}">{add}</a></p>',
            id=gather.gather_id,
            settings=words["settings"],
            add=words["add_channel"],
        )
    return html(
        asset("section.html", __package__),
        gather=gather_line(visit, gather),
        tools=tools,
        channels=listed((_card(visit, channel) for channel in channels), words["no_channels"]),
    )


def _card(visit: Visit, channel: ChannelView) -> Markup:
    if not visit.is_administrator:
        return channel_card(visit, channel)
    address = f"/console/channel?camera_id={channel.camera_id}"
    link = html('<a href="{address}">{name}</a>', address=address, name=channel.name)
    edit = html('<a href="{address}">{edit}</a>', address=address, edit=visit.words["edit"])
    return channel_card(visit, channel, name=link, below=edit)


async def _replace_key(visit: Visit, _params: Params) -> dict[str, Any]:
    await asyncio.to_thread(visit.services.keys.replace_enrol_key)
    return {}


PAGE = Page(
    "/console/recorders",
    ("采集端与通道", "Recorders & channels"),
    view,
    words=_WORDS,
    beside=beside,
    refreshes=True,
    actions=(Action("replace_enrol_key", _replace_key),),
    style="storage.css",
    room="agent.standalone.console.pages.storage",
)
