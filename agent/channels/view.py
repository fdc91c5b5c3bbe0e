"""A channel as people see it: `status`, the local page, MQTT."""

from __future__ import annotations

from dataclasses import dataclass

from agent.channels.channel import Channel
from agent.sources import describe
from agent.status import ChannelView, LiveView, RecordingView


@dataclass(frozen=True, slots=True)
class Now:
    """What a channel does for a recording that is due: whether packets arrive, else since when they do not (None:
    unknown), and why.
    """

    arriving: bool
    silent_sec: float | None = None
    cause: str = ""
    detail: str = ""


def view_of(channel: Channel, *, wanted: bool, live: LiveView | None = None) -> ChannelView:
    """`wanted` by its owner; `live`: who is being shown it."""
    session = channel.session
    link = channel.shown_link
    state = link.state if session or link.cause else "starting"
    return ChannelView(
        camera_id=channel.camera.camera_id,
        name=channel.camera.camera_name,
        # A main stream that rests is told before its sub stream has said a word.
        state="off" if not channel.desired.connect else "starting" if state == "idle" else state,
        cause=link.cause,
        detail=link.detail,
        source=describe(channel.camera),
        video=link.video,
        audio=link.audio,
        sub_state=channel.sub_link.state if channel.sub_link and channel.sub_link.state != "idle" else None,
        sub_detail=channel.sub_link.detail if channel.sub_link else "",
        sub_source=channel.sub_source,
        sub_video=channel.sub_link.video if channel.sub_link else "",
        bit_rate=session.bit_rate if session else None,
        wanted=wanted,
        live=live,
        due=len(channel.desired.due),
        recordings=tuple(
            RecordingView(
                slice_id=item.slice_id,
                course_id=item.due.course_id,
                title=item.due.title,
                planned_start=item.due.begin,
                planned_end=item.due.end,
                began_at=item.began_at,
                slices=item.slices,
            )
            for item in (session.running.values() if session else ())
        ),
        packet_age_sec=channel.packet_age_sec,
        heap_sec=channel.heap_sec,
        restarts=channel.restarts,
        snapshot_at=channel.snapshot_at,
    )
