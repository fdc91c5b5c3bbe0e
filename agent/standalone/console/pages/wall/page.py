"""The wall as a page; its script brings it up to date and keeps what plays."""

from __future__ import annotations

from agent.standalone.console.forms import FORM_WORDS, gather_choice
from agent.standalone.console.gathers import ChannelView, read_channels, read_gathers
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html
from agent.web.parts import section
from agent.web.words import Table

_WORDS: Table = {
    **FORM_WORDS,
    "all_live": ("全部直播", "All live"),
    "all_still": ("全部停止", "All still"),
    "full_screen": ("全屏", "Full screen"),
    "stop_live": ("停止直播", "Stop"),
    "as_of_picture": ("{time} 的画面", "as of {time}"),
}


async def view(visit: Visit) -> Markup:
    """The tiles."""
    words, gather_id = visit.words, visit.number("gather_id")
    channels = await visit.read(read_channels, visit.now)
    gathers = await visit.read(read_gathers, visit.now)
    shown = [one for one in channels if gather_id in (0, one.gather_id)]
    return html(
        asset("wall.html", __package__),
        choice=gather_choice(gathers, gather_id, words),
        show=html("<button>{text}</button>", text=words["show"]) if len(gathers) > 1 else Markup(),
        all_live=words["all_live"],
        all_still=words["all_still"],
        full_screen=words["full_screen"],
        tiles=section("wall", "channels", (_tile(visit, channel) for channel in shown), words),
    )


def _tile(visit: Visit, channel: ChannelView) -> Markup:
    words = visit.words
    on = ", ".join(title or words["by_hand"] for title in channel.recording)
    trouble = [words.trouble(channel.cause), channel.detail]
    trouble += [words.alarm(alarm.kind) for alarm in channel.alarms]
    ticket = visit.services.keys.admission("camera", channel.camera_id)
    image = html('<img src="{src}" alt="">', src=channel.picture) if channel.picture else Markup()
    away = channel.state not in ("online", "unknown")
    return html(
        asset("tile.html", __package__),
        camera_id=channel.camera_id,
        away=Markup(" away") if away else Markup(),
        href=f"/play/camera/{ticket}",
        label=f"{words['watch']}: {channel.name}, {words[channel.state]}",
        image=image,
        none=Markup() if image and not away else html('<span class="none">{text}</span>', text=_said(visit, channel)),
        name=channel.name,
        gather=channel.gather,
        kind=channel.state,
        state=words[channel.state],
        on=html('<span class="pill on">● {text}</span>', text=on) if on else Markup(),
        trouble=" · ".join(filter(None, trouble)),
        taken=words.of("as_of_picture", time=visit.since(channel.taken)) if channel.taken else "",
        stop=words["stop_live"],
    )


def _said(visit: Visit, channel: ChannelView) -> str:
    """Why there is no picture, or why the one that is there is an old one."""
    words = visit.words
    return words["no_picture"] if channel.state in ("online", "unknown") else words[channel.state]


PAGE = Page(
    "/console/wall",
    ("直播墙", "Live wall"),
    view,
    words=_WORDS,
    script="wall.js",
    style="wall.css",
    room=__package__,
)
