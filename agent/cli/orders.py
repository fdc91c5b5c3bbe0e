"""`gather-agent record start | record stop | snapshot`: orders to the running daemon, the same as the server's."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from agent.cli.cameras import find
from agent.cli.common import words
from agent.cli.door import Door
from agent.cli.exits import Exit
from agent.status import ChannelView
from agent.wire.codes import Code
from agent.words import Words


def run(args: argparse.Namespace) -> int:
    """Exit code 0 done, 1 not done: the reason is said."""
    say, door = words(args), Door(args)
    camera = find(door, args.camera, say)
    data: dict[str, Any] = {"camera_id": camera.camera_id}
    if args.path == "/record":
        data |= {"title": args.title, "elapse_sec": round(args.minutes * 60)}
    answer = door.order(args.path, **data)
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))  # noqa: T201
    if answer["err_code"]:
        return refuse(answer, say, channel=_name(camera), quiet=args.json)
    if args.path == "/snapshot" and args.output is not None:
        args.output.write_bytes(door.bytes_of(f"/snapshots/{camera.camera_id}"))
    if not args.json:
        print(_done(args, camera, answer["data"], say))  # noqa: T201
        if args.path == "/record" and not answer["data"].get("online", True):
            print(say("record_waits", channel=_name(camera)))  # noqa: T201
    return Exit.OK


def _done(args: argparse.Namespace, camera: ChannelView, data: dict[str, Any], say: Words) -> str:
    channel = _name(camera)
    if args.path == "/stop-record":
        return say("recording_stopped", channel=channel)
    if args.path == "/record":
        if not args.minutes:
            return say("recording_open_end", channel=channel, number=camera.camera_id)
        return say("recording_by_hand", channel=channel, end=say.time(time.time() + args.minutes * 60))
    size = {"width": data.get("width"), "height": data.get("height")}
    if args.output is None:
        return say("picture_taken", channel=channel, **size)
    return say("picture_saved", channel=channel, path=args.output, **size)


def refuse(answer: dict[str, Any], say: Words, *, channel: str = "", quiet: bool = False) -> Exit:
    """Say why an order was not carried out."""
    code, why = answer["err_code"], answer["err_msg"]
    told = {Code.NO_SUCH_CAMERA, Code.NOT_RECORDING, Code.NO_PICTURE, Code.CAMERA_STOPPED}
    if not quiet:
        key = f"refused_{code}" if code in told else "refused"
        print("gather-agent: " + say(key, channel=channel, why=why, code=code), file=sys.stderr)  # noqa: T201
    return Exit.DEGRADED


def _name(camera: ChannelView) -> str:
    return camera.name or str(camera.camera_id)
