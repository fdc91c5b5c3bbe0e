"""`gather-agent lessons`: what became of each lesson of a day, with its coverage and its gaps.

Without a running daemon the journal and the timetable on disk are read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import groupby

from agent.cli import tables
from agent.cli.common import asked, words
from agent.cli.door import Door, NobodyThere
from agent.cli.exits import Exit, Stop
from agent.status import LessonOutcome, LessonsView
from agent.view.offline import NothingThere, lessons_on_disk
from agent.words import Words

_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}


def run(args: argparse.Namespace) -> int:
    """Exit code 0 well, 1 a lesson has gaps or was missed, 2 one is due and nothing arrives, 69 not running."""
    say = words(args)
    first = _first_day(args.day, say)
    query = f"?days={args.days}" + (f"&day={first.isoformat()}" if first else "")
    running, config = True, asked(args).config
    try:
        view, text = Door(args, config).view(f"/lessons{query}", LessonsView)
    except NobodyThere as nobody:
        running = False
        try:
            view = lessons_on_disk(config, first, args.days)
        except NothingThere:
            raise nobody from None
        text = view.model_dump_json()
        print(say("lessons_offline"), file=sys.stderr)  # noqa: T201
    if args.json:
        print(text)  # noqa: T201
    else:
        _show(view, say)
    return _code(view) if running else Exit.UNAVAILABLE


def _first_day(day: str, say: Words) -> date | None:
    """None is today as the daemon's zone has it."""
    if day == "today":
        return None
    if day in _DAYS:
        return datetime.now().astimezone().date() + timedelta(days=_DAYS[day])
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise Stop(Exit.USAGE, say("bad_day")) from None


def _code(view: LessonsView) -> Exit:
    states = {lesson.state for lesson in view.lessons}
    if "due" in states:
        return Exit.NOT_RECORDING
    return Exit.DEGRADED if states & {"partly", "missed"} or _has_gaps(view) else Exit.OK


def _has_gaps(view: LessonsView) -> bool:
    return any(lesson.gaps for lesson in view.lessons)


def _show(view: LessonsView, say: Words) -> None:
    zone = tables.zone_named(view.timezone)

    def day_of(lesson: LessonOutcome) -> date:
        return datetime.fromtimestamp(lesson.planned_start, zone).date()

    if not view.lessons:
        span = view.first_day if view.first_day == view.last_day else f"{view.first_day} … {view.last_day}"
        print(say("lessons_of", day=span, zone=view.timezone) + "\n" + say("lessons_none"))  # noqa: T201
    for day, lessons in groupby(view.lessons, day_of):
        print(say("lessons_of", day=day.isoformat(), zone=view.timezone))  # noqa: T201
        _show_day(tuple(lessons), say, lambda moment: tables.time_of_day(moment, zone))
    for lesson in view.lessons:
        for gap in lesson.gaps:
            since, until = (tables.time_of_day(moment, zone, seconds=True) for moment in (gap.since, gap.until))
            cause = say.cause(gap.cause) + (f" ({gap.detail})" if gap.detail else "")
            line = say("gap_line", since=since, until=until, seconds=f"{gap.until - gap.since:.1f}", cause=cause)
            print(f"{lesson.camera_name or lesson.camera_id}, {_title(lesson, say)}: {line}")  # noqa: T201


def _show_day(lessons: tuple[LessonOutcome, ...], say: Words, at: Callable[[float], str]) -> None:
    columns = ("col_time", "channel", "col_lesson", "state", "col_recorded", "col_missing", "col_uploaded")
    rows = []
    for lesson in lessons:
        end = at(lesson.planned_end) if lesson.planned_end is not None else "…"
        uploaded = sum(piece.state != "recorded" for piece in lesson.slices)
        rows.append(
            (
                f"{at(lesson.planned_start)}–{end}",
                f"{lesson.camera_id} {lesson.camera_name}".rstrip(),
                _title(lesson, say),
                say(f"lesson_{lesson.state}"),
                tables.percent(lesson.coverage),
                _seconds(lesson.missing_sec),
                f"{uploaded}/{len(lesson.slices)}" if lesson.slices else "",
            )
        )
    tables.show([say(column) for column in columns], rows, right=(4, 5, 6))


def _seconds(missing: float) -> str:
    if missing <= 0:
        return ""
    return f"{missing:.0f} s" if missing >= 10 else f"{missing:.1f} s"


def _title(lesson: LessonOutcome, say: Words) -> str:
    return lesson.title or (say("lesson", course_id=lesson.course_id) if lesson.course_id else say("by_hand"))
