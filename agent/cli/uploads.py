"""`gather-agent uploads [pause|resume]`: the queue, file by file."""

from __future__ import annotations

import argparse
import json

from agent.cli import tables
from agent.cli.common import words
from agent.cli.door import Door
from agent.cli.exits import Exit
from agent.cli.orders import refuse
from agent.status import UploadsView, UploadView
from agent.words import Words, clock, megabytes


def run(args: argparse.Namespace) -> int:
    """Exit code 0 well, 1 paused or failing."""
    say, door = words(args), Door(args)
    if args.action:
        answer = door.order(f"/uploads/{args.action}")
        if args.json:
            print(json.dumps(answer, ensure_ascii=False))  # noqa: T201
        if answer["err_code"]:
            return refuse(answer, say, quiet=args.json)
        if not args.json:
            print(say("uploads_paused_now" if args.action == "pause" else "uploads_resumed"))  # noqa: T201
        return Exit.OK
    view, text = door.view("/uploads", UploadsView)
    if args.json:
        print(text)  # noqa: T201
    else:
        _show(view, say)
    return Exit.DEGRADED if view.queue.paused or view.queue.error else Exit.OK


def _show(view: UploadsView, say: Words) -> None:
    queue = view.queue
    total = queue.recorded + queue.uploaded + queue.confirmed
    if not total:
        print(say("queue_none"))  # noqa: T201
    elif total == queue.confirmed:
        print(say("queue_empty", done=total))  # noqa: T201
    else:
        waiting, size = queue.recorded, megabytes(queue.waiting_bytes)
        print(say("queue", waiting=waiting, total=total, size=size, unlisted=queue.uploaded))  # noqa: T201
    if queue.paused:
        print(say("uploads_paused_now"))  # noqa: T201
    if queue.error:
        print(say("queue_error", error=queue.error))  # noqa: T201
    if view.files:
        columns = ("col_time", "channel", "col_lesson", "col_file", "length", "size", "state", "col_tries", "col_next")
        rows = [_row(file, view.now, say) for file in view.files]
        tables.show([say(column) for column in (*columns, "col_error")], rows, right=(3, 4, 5, 7))
    if view.more > 0:
        print(say("more", count=view.more))  # noqa: T201


def _row(file: UploadView, now: float, say: Words) -> tuple[str, ...]:
    return (
        say.day(file.started_at),
        f"{file.camera_id} {file.camera_name}".rstrip(),
        file.title or (say("lesson", course_id=file.course_id) if file.course_id else say("by_hand")),
        str(file.slice_inx),
        clock(file.media_sec),
        megabytes(file.size),
        say(f"upload_{file.state}"),
        str(file.attempts or ""),
        "" if file.next_try is None else f"{max(0.0, file.next_try - now):.0f} s",
        file.error,
    )
