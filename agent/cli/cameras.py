"""`gather-agent cameras`: every channel with its state, tracks, rate and pictures."""

from __future__ import annotations

import argparse

from agent.cli import tables
from agent.cli.common import words
from agent.cli.door import Door
from agent.cli.exits import Exit, Stop
from agent.status import CamerasView, ChannelView
from agent.view.verdict import not_recording
from agent.words import Words


def run(args: argparse.Namespace) -> int:
    """Exit code 0 all are well, 1 one that is wanted is not there, 2 one should record and gets nothing."""
    say = words(args)
    view, text = Door(args).view("/cameras", CamerasView)
    if args.json:
        print(text)  # noqa: T201
    else:
        _show(view, say)
    if any(not_recording(camera, one, view.now) for camera in view.cameras for one in camera.recordings):
        return Exit.NOT_RECORDING
    away = any(camera.wanted and camera.state in ("waiting", "down") for camera in view.cameras)
    return Exit.DEGRADED if away else Exit.OK


def _show(view: CamerasView, say: Words) -> None:
    if not view.cameras:
        print(say("cameras_none"))  # noqa: T201
        return
    columns = (
        "col_number",
        "channel",
        "state",
        "col_tracks",
        "col_rate",
        "col_packet",
        "col_picture",
        "col_sub",
        "source",
    )
    rows = [_row(camera, view.now, say) for camera in view.cameras]
    tables.show([say(column) for column in columns], rows, right=(0, 4, 5))
    for camera in view.cameras:
        if camera.state in ("waiting", "down") and camera.cause:
            print(f"{camera.camera_id} {camera.name}: {say.trouble(camera.cause)} ({camera.detail})")  # noqa: T201


def _row(camera: ChannelView, now: float, say: Words) -> tuple[str, ...]:
    records = any(one.began_at for one in camera.recordings)
    state = say(camera.state) + (f", {say('lesson_recording')}" if records else "")
    age = camera.packet_age_sec
    sub = "" if camera.sub_state is None else f"{say(camera.sub_state)} {camera.sub_video}".rstrip()
    return (
        str(camera.camera_id),
        camera.name,
        state,
        ", ".join(filter(None, (camera.video, camera.audio))),
        tables.rate(camera.bit_rate),
        "" if age is None else say("seconds_ago", seconds=f"{age:.1f}"),
        "" if camera.snapshot_at is None else say("seconds_ago", seconds=f"{max(0.0, now - camera.snapshot_at):.0f}"),
        sub,
        camera.source,
    )


def find(door: Door, named: str, say: Words) -> ChannelView:
    """The channel that a person means by its number or its name."""
    view, _ = door.view("/cameras", CamerasView)
    by_number = [camera for camera in view.cameras if str(camera.camera_id) == named]
    found = by_number or [camera for camera in view.cameras if camera.name == named]
    if len(found) > 1:
        raise Stop(Exit.USAGE, say("ambiguous_camera", camera=named))
    if not found:
        known = ", ".join(f"{camera.camera_id} {camera.name}".rstrip() for camera in view.cameras) or "–"
        raise Stop(Exit.USAGE, say("no_such_camera", camera=named, known=known))
    return found[0]
