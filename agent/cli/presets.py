"""`gather-agent presets CAMERA [PRESET]`: where a camera that turns can look, and turning it there."""

from __future__ import annotations

import argparse
import json
from typing import Any

from agent.cli import tables
from agent.cli.cameras import find
from agent.cli.common import words
from agent.cli.door import Door
from agent.cli.exits import Exit
from agent.cli.orders import refuse


def run(args: argparse.Namespace) -> int:
    """Exit code 0 done, 1 not done: the reason is said."""
    say, door = words(args), Door(args)
    camera = find(door, args.camera, say)
    data: dict[str, Any] = {"camera_id": camera.camera_id}
    answer = door.order("/presets/go", **data, preset=args.preset) if args.preset else door.order("/presets", **data)
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))  # noqa: T201
    if answer["err_code"]:
        return refuse(answer, say, channel=camera.name or str(camera.camera_id), quiet=args.json)
    if args.json:
        return Exit.OK
    if args.preset:
        print(say("preset_shown", channel=camera.name or camera.camera_id, preset=_name(answer["data"]["preset"])))  # noqa: T201
    elif answer["data"]["presets"]:
        columns = [say(column) for column in ("col_name", "col_token")]
        tables.show(columns, ((one["name"], one["token"]) for one in answer["data"]["presets"]))
    else:
        print(say("presets_none", channel=camera.name or camera.camera_id))  # noqa: T201
    return Exit.OK


def _name(preset: dict[str, str]) -> str:
    return preset["name"] or preset["token"]
