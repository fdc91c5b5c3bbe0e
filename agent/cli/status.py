"""`gather-agent status`: asks the running daemon over its control socket, and says it in plain words."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from agent.cli.common import words
from agent.cli.door import Door
from agent.status import ChannelView, DaemonView, LiveView
from agent.view.board import live_state, queue_line, until, what_is
from agent.view.verdict import Health, judge, not_recording
from agent.wire.live_causes import live_advice, live_cause
from agent.words import Words, clock, megabytes


def run(args: argparse.Namespace) -> int:
    """Exit code 0 well, 1 degraded, 2 a recording is due and nothing arrives, 69 not running."""
    view, text = Door(args).view("/status", DaemonView)
    print(text if args.json else "\n".join(lines(view, words(args))))  # noqa: T201
    return judge(view).health


def lines(view: DaemonView, say: Words) -> Iterator[str]:
    """The view in plain words, the verdict first."""
    verdict = judge(view, say)
    kind = {Health.WELL: "healthy", Health.DEGRADED: "degraded", Health.NOT_RECORDING: "not_recording"}[verdict.health]
    yield say(kind, why="; ".join(verdict.reasons))
    yield ""
    yield say("head", name=view.name or "gather-agent", version=view.version, process=view.pid, pid=view.pid)
    link = say(f"link_{view.link}")
    if view.link_detail:
        why = say(f"link_cause_{view.link_cause}") + "; " if view.link_cause else ""
        link += f": {why}{view.link_detail}"
    yield f"{say('server')}: " + (f"{view.server} ({link})" if view.server else say("no_server"))
    yield ""
    for channel in view.channels:
        yield from channel_lines(channel, view.now, say)
    if not any(channel.recordings for channel in view.channels):
        yield say("nothing_recording")
    yield ""
    yield from _plan(view, say)
    yield queue_line(view, say)
    if view.queue.error:
        yield say("queue_paused" if view.queue.paused else "queue_error", error=view.queue.error)
    if view.queue.opens_at is not None and view.queue.recorded:
        yield say("queue_opens", when=say.time(view.queue.opens_at))
    yield say("disk_free", size=megabytes(view.disk_free))


def channel_lines(channel: ChannelView, now: float, say: Words) -> Iterator[str]:
    """One channel: its state and tracks, then each recording that is on."""
    why = say.trouble(channel.cause)
    about = ", ".join(filter(None, (channel.video, channel.audio))) or "; ".join(filter(None, (why, channel.detail)))
    yield f"{say('channel')} {channel.camera_id} {channel.name}: {say(channel.state)}" + (
        f" ({about})" if about else ""
    )
    for recording in channel.recordings:
        state = (
            say("rec_due")
            if recording.began_at is None or not_recording(channel, recording, now)
            else say("rec", elapsed=clock(now - recording.began_at))
        )
        yield f"    {state}: {what_is(recording, say)}, {until(recording, say)}"
    if channel.live is not None:
        yield from _live_lines(channel.live, now, say)


def _live_lines(live: LiveView, now: float, say: Words) -> Iterator[str]:
    """Where it is pushed to, since when; where it is not, what was heard of the server and what to do."""
    yield "    " + ", ".join(
        filter(
            None,
            (
                live_state(live.model_dump(), say),
                say("live_since", time=say.time(live.since), elapsed=clock(now - live.since)),
                say("live_retry", time=say.time(live.retry_at)) if live.retry_at else "",
                say("live_skipped", count=live.skipped) if live.skipped else "",
            ),
        )
    )
    if live.state == "waiting" or live.cause:
        if live.state == "live":
            yield f"        {live_cause(live.cause, say.language)}"
        elif live.detail:
            yield f"        {live.detail}"
        if advice := live_advice(live.cause, say.language):
            yield f"        {say('live_advice', advice=advice)}"


def _plan(view: DaemonView, say: Words) -> Iterator[str]:
    for lesson in view.next_lessons:
        what = lesson.title or say("lesson", course_id=lesson.course_id)
        yield say("next_lesson", what=what, channel=lesson.camera_name or lesson.camera_id, when=say.day(lesson.start))
    if not view.next_lessons:
        yield say("no_lessons")
