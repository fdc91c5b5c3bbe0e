"""What the first page shows at one moment, read from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from agent.standalone.clocktime import week_id
from agent.standalone.console.lessons import LessonView, Wanted, days, lessons, moment, names
from agent.standalone.console.pages.overview.outlook import Coming, Outlook, Recorder, Room, outlook
from agent.standalone.gather.reports import LEASE_SECONDS
from agent.standalone.store.schema import Alarm, Camera, Course, Gather, Image, Lesson, Spool, Subject

AHEAD_DAYS = 7


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """Something that stands wrong about a channel since this Unix second; `kind` has a word `alarm_<kind>`."""

    channel: str
    kind: str
    since: float
    detail: str


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel. `state` is a word of `words`; `recording` names what it records now."""

    camera_id: int
    name: str
    gather_id: int
    gather: str
    state: str
    cause: str
    detail: str
    picture: str
    taken: float
    recording: tuple[str, ...]
    media: str
    alarms: tuple[AlarmLine, ...] = ()


@dataclass(frozen=True, slots=True)
class GatherView:
    """An agent: `alive` while its lease holds, `heard` when it was last heard; its queue and its disk, in bytes."""

    gather_id: int
    name: str
    alive: bool
    heard: float
    version: str
    address: str
    channels: int
    queue_files: int
    queue_bytes: int
    queue_oldest: float | None
    queue_error: str
    queue_paused: bool
    disk_free: int
    disk_total: int
    disk_state: str


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


def read_gathers(session: Session, now: float) -> tuple[GatherView, ...]:
    """Every agent."""
    counts: dict[int, int] = defaultdict(int)
    for gather_id in session.scalars(select(Camera.gather_id)):
        counts[gather_id] += 1
    query = select(Gather, Spool).join(Spool, Spool.gather_id == Gather.gather_id, isouter=True)
    return tuple(
        GatherView(
            gather_id=gather.gather_id,
            name=gather.name_set or gather.name_pc,
            alive=gather.is_online(now),
            heard=gather.lease_until - LEASE_SECONDS if gather.lease_until else 0.0,
            version=gather.version,
            address=gather.ip_addr,
            channels=counts[gather.gather_id],
            queue_files=gather.queue_files,
            queue_bytes=gather.queue_bytes,
            queue_oldest=spool.oldest if spool else None,
            queue_error=spool.error if spool else "",
            queue_paused=bool(spool and spool.paused),
            disk_free=gather.disk_free,
            disk_total=spool.disk_total if spool else 0,
            disk_state=spool.disk_state if spool else "well",
        )
        for gather, spool in session.execute(query.order_by(Gather.gather_id))
    )


def read_channels(session: Session, now: float) -> list[ChannelView]:
    """Every channel, with what it records and what is wrong with it."""
    subjects = names(session, Subject.subject_id, Subject.subject_name)
    alarms = defaultdict(list)
    for alarm in session.scalars(select(Alarm).order_by(Alarm.since)):
        alarms[alarm.camera_id].append(alarm)
    query = (
        select(Camera, Gather, Image)
        .join(Gather, Gather.gather_id == Camera.gather_id)
        .join(Image, Image.camera_id == Camera.camera_id, isouter=True)
        .order_by(Camera.camera_id)
    )
    rows = session.execute(query).all()
    on = [(camera.camera_id, one) for camera, gather, _ in rows if gather.is_online(now) for one in camera.recording]
    titles = {
        (lesson.camera_id, lesson.slice_id): subjects.get(lesson.subject_id, "") if lesson.course_id else ""
        for lesson in _recordings(session, on)
    }
    found = []
    for camera, gather, image in rows:
        alive = gather.is_online(now)
        away = alive and camera.status != 1
        name = camera.camera_name
        found.append(
            ChannelView(
                camera_id=camera.camera_id,
                name=name,
                gather_id=camera.gather_id,
                gather=gather.name_set or gather.name_pc,
                state=_channel_state(camera, alive),
                cause=camera.cause if away else "",
                detail=camera.detail if away else "",
                picture=f"{image.file_fdfs}?{image.taken:.0f}" if image else "",
                taken=image.taken if image else 0.0,
                recording=tuple(titles.get((camera.camera_id, one), "") for one in camera.recording if alive),
                media=" · ".join(filter(None, (camera.video, camera.audio))),
                alarms=tuple(
                    AlarmLine(name, alarm.kind, alarm.since, alarm.detail)
                    for alarm in alarms[camera.camera_id]
                    if alive
                ),
            )
        )
    return found


def _recordings(session: Session, keys: Sequence[tuple[int, int]]) -> Iterable[Lesson]:
    """The recordings of these channels and slice ids."""
    if not keys:
        return ()
    return session.scalars(select(Lesson).where(tuple_(Lesson.camera_id, Lesson.slice_id).in_(keys)))


def _channel_state(camera: Camera, alive: bool) -> str:
    if not alive:
        return "agent_offline"
    if not camera.wanted and camera.status != 1:
        return "stopped"
    return {1: "online", 0: "offline"}.get(camera.status, "unknown")


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
