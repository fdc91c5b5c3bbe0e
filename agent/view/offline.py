"""What a stopped agent's disk says: journal, state and timetable, read and never written."""

from __future__ import annotations

import sqlite3
import time as time_of_day
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from tzlocal import get_localzone

from agent.channels.view import Now
from agent.config import Config
from agent.journal import Journal, JournalError
from agent.schedule.timetable import Timetable
from agent.state import Known, courses_of
from agent.status import LessonsView
from agent.view.lessons import outcomes, read_between

NOT_RUNNING = Now(False, cause="not_running")


class NothingThere(Exception):
    """No agent has ever run with these folders, or they cannot be read."""


def known_on_disk(config: Config) -> Known:
    """The content of `<state>/agent.json`. Raises `NothingThere`."""
    try:
        return Known.model_validate_json((config.paths.state / "agent.json").read_bytes())
    except (OSError, ValidationError) as error:
        raise NothingThere(str(error)) from error


def zone_on_disk(config: Config, known: Known) -> tzinfo:
    """The zone that the daemon takes the timetable in."""
    for name in (config.time.zone, known.timezone):
        try:
            if name:
                return ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            continue
    return get_localzone()


def lessons_on_disk(config: Config, first: date | None, days: int) -> LessonsView:
    """The lessons of `days` days from `first` (None: today). Raises `NothingThere`."""
    known = known_on_disk(config)
    zone, now = zone_on_disk(config, known), time_of_day.time()
    first = first or datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    since, until = (
        datetime.combine(first + timedelta(days=ahead), time(), tzinfo=zone).timestamp() for ahead in (0, days)
    )
    try:
        journal = Journal(config.paths.state / "journal.sqlite", read_only=True)
    except JournalError as error:
        raise NothingThere(str(error)) from error
    try:
        kept = read_between(journal, since, until)
    except sqlite3.DatabaseError as error:
        raise NothingThere(f"the journal is damaged: {error}") from error
    finally:
        journal.close()
    lessons = Timetable(courses_of(known), zone).starting_between(since, until)
    on_now = {lesson.key: NOT_RUNNING for lesson in lessons if lesson.start <= now < lesson.end}
    on_now |= {one.row.key: NOT_RUNNING for one in kept if one.row.ended_at is None}
    names = {camera_id: camera.camera_name for camera_id, camera in known.cameras.items()}
    return LessonsView(
        now=now,
        first_day=first.isoformat(),
        last_day=(first + timedelta(days=days - 1)).isoformat(),
        timezone=str(zone),
        lessons=outcomes(lessons, kept, on_now, names, now),
    )
