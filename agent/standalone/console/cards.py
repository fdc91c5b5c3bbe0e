"""A channel as a card: its picture, how it is, what it records."""

from __future__ import annotations

from agent.standalone.console.gathers import ChannelView
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html, joined
from agent.web.parts import picture


def channel_card(visit: Visit, channel: ChannelView, *, name: Markup | str = "", below: Markup | str = "") -> Markup:
    """The card; `name` and `below` stand in place of the channel's name and the recorder's."""
    words = visit.words
    on = ", ".join(title or words["by_hand"] for title in channel.recording)
    trouble = " — ".join(filter(None, (words.trouble(channel.cause), channel.detail)))
    lines = [trouble, *(f"{words.alarm(one.kind)} · {visit.since(one.since)}" for one in channel.alarms)]
    return html(
        asset("channel.html"),
        picture=_watched(visit, channel),
        name=name or channel.name,
        gather=below or channel.gather,
        kind=channel.state,
        state=words[channel.state],
        recording_kind="on" if on else "idle",
        recording=f"{words['recording']}: {on}" if on else words["idle"],
        trouble=joined(html('<span class="line">{text}</span>', text=line) for line in lines if line),
        media=channel.media,
        taken=f"{words['picture_of']} {visit.since(channel.taken)}" if channel.taken else "",
    )


def _watched(visit: Visit, channel: ChannelView) -> Markup:
    """The channel's picture, as a link to the live one."""
    ticket = visit.services.keys.admission("camera", channel.camera_id)
    return html(
        '<a class="watch" href="{href}" data-caption="{name}" aria-label="{label}">{picture}<span>{live}</span></a>',
        href=f"/play/camera/{ticket}",
        name=channel.name,
        label=f"{visit.words['watch']}: {channel.name}",
        picture=picture(channel.picture, channel.name, visit.words),
        live=f"▶ {visit.words['watch']}",
    )
