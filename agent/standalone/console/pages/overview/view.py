"""What the first page shows at one moment, read from the database."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.clocktime import week_id
from agent.standalone.console.gathers import AlarmLine, ChannelView, GatherView, read_channels, read_gathers
from agent.standalone.console.lessons import LessonView, Wanted, days, lessons, moment, names
from agent.standalone.console.pages.overview.outlook import Coming, Outlook, Recorder, Room, outlook
from agent.standalone.store.schema import Camera, Course, Subject

AHEAD_DAYS = 7


@dataclass(frozen=True, slots=True)
class OverviewView:
    """Everything on the page at one moment."""

    now: float
    outlook: Outlook
    rooms: dict[int, Room]
    gathers: tuple[GatherView, ...]
    channels: tuple[ChannelView, ...]
    lessons: tuple[LessonView, ...]

    @property
    def alarms(self) -> tuple[AlarmLine, ...]:
        """Of all channels, the oldest first."""
        found = (alarm for channel in self.channels for alarm in channel.alarms)
        return tuple(sorted(found, key=lambda alarm: alarm.since))


def read_overview(session: Session, now: float, zone: ZoneInfo) -> OverviewView:
    """Read it."""
    today = datetime.fromtimestamp(now, zone).date()
    gathers = read_gathers(session, now)
    cameras = list(session.scalars(select(Camera).order_by(Camera.camera_id)))
    rooms = {
        camera.camera_id: Room(
            camera.camera_name, camera.gather_id, camera.status, camera.cause, wanted=bool(camera.wanted)
        )
        for camera in cameras
    }
    recorders = {one.gather_id: Recorder(one.name, one.alive, one.disk_free, one.disk_state) for one in gathers}
    return OverviewView(
        now=now,
        outlook=outlook(_coming(session, now, zone), rooms, recorders),
        rooms=rooms,
        gathers=gathers,
        channels=tuple(read_channels(session, now)),
        lessons=tuple(lessons(session, Wanted(today, today), now, zone)),
    )


def _coming(session: Session, now: float, zone: ZoneInfo) -> list[Coming]:
    """The lessons to come of the next day that has any, within a week."""
    subjects = names(session, Subject.subject_id, Subject.subject_name)
    of_day: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
    columns = (Course.week_id, Course.camera_id, Course.subject_id, Course.start_sec, Course.elapse_sec)
    for weekday, *about in session.execute(select(*columns)):
        of_day[weekday].append((about[0], about[1], about[2], about[3]))
    today = datetime.fromtimestamp(now, zone).date()
    for day in days(today, today + timedelta(days=AHEAD_DAYS)):
        found = []
        for camera_id, subject_id, start_sec, length in of_day[week_id(datetime.combine(day, time()))]:
            start = moment(day, start_sec, zone)
            if start > now:
                found.append(Coming(camera_id, subjects.get(subject_id, ""), start, start + length))
        if found:
            return found
    return []
