"""What the console shows, read from the database: channels, today's lessons with their losses, recent recordings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from agent.standalone.clocktime import week_id
from agent.standalone.store.schema import Alarm, Camera, Course, Gather, Image, Lesson, Record, Subject, Teacher
from agent.web.parts import GapView

RECENT = 24
LessonState = Literal["upcoming", "on", "silent", "closing", "done", "unreported"]


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """Something that stands wrong about a channel since this Unix second; `kind` has a word `alarm_<kind>`."""

    kind: str
    since: float


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel. `state` is a word of `words`; `recording` names what it records now."""

    camera_id: int
    name: str
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
class LessonView:
    """A lesson of today, or a recording by hand (`title` empty)."""

    begin: float
    end: float | None
    camera: str
    title: str
    teacher: str
    state: LessonState
    coverage: float | None
    gaps: tuple[GapView, ...]


@dataclass(frozen=True, slots=True)
class RecordView:
    """A recording that can be played."""

    record_id: int
    camera: str
    title: str
    started: float
    duration: float
    size: int
    file: str
    picture: str
    slice_inx: int
    repaired: bool


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the page at one moment."""

    now: float
    channels: tuple[ChannelView, ...]
    lessons: tuple[LessonView, ...]
    records: tuple[RecordView, ...]


def dashboard(session: Session, now: float, zone: ZoneInfo) -> Dashboard:
    """Read it."""
    subjects = _names(session, Subject.subject_id, Subject.subject_name)
    return Dashboard(
        now,
        tuple(_channels(session, now, subjects)),
        tuple(_lessons(session, now, zone, subjects)),
        tuple(_records(session, subjects)),
    )


def _channels(session: Session, now: float, subjects: dict[int, str]) -> list[ChannelView]:
    query = (
        select(Camera, Gather, Image)
        .join(Gather, Gather.gather_id == Camera.gather_id)
        .join(Image, Image.camera_id == Camera.camera_id, isouter=True)
        .order_by(Camera.camera_id)
    )
    found = []
    for camera, gather, image in session.execute(query):
        alive = gather.lease_until > now
        ids = camera.recording if alive else []
        query_on = select(Lesson).where(Lesson.camera_id == camera.camera_id, Lesson.slice_id.in_(ids))
        titles = {lesson.slice_id: subjects.get(lesson.subject_id, "") for lesson in session.scalars(query_on)}
        found.append(
            ChannelView(
                camera_id=camera.camera_id,
                name=camera.camera_name,
                gather=gather.name_set or gather.name_pc,
                state=_channel_state(camera, alive),
                cause=camera.cause if alive and camera.status != 1 else "",
                detail=camera.detail if alive and camera.status != 1 else "",
                picture=f"{image.file_fdfs}?{image.taken:.0f}" if image else "",
                taken=image.taken if image else 0.0,
                recording=tuple(titles.get(slice_id, "") for slice_id in ids),
                media=" · ".join(filter(None, (camera.video, camera.audio))),
                alarms=_alarms(session, camera.camera_id) if alive else (),
            )
        )
    return found


def _alarms(session: Session, camera_id: int) -> tuple[AlarmLine, ...]:
    query = select(Alarm).where(Alarm.camera_id == camera_id).order_by(Alarm.since)
    return tuple(AlarmLine(alarm.kind, alarm.since) for alarm in session.scalars(query))


def _channel_state(camera: Camera, alive: bool) -> str:
    if not alive:
        return "agent_offline"
    if not camera.wanted and camera.status != 1:
        return "stopped"
    return {1: "online", 0: "offline"}.get(camera.status, "unknown")


def _lessons(session: Session, now: float, zone: ZoneInfo, subjects: dict[int, str]) -> list[LessonView]:
    today = datetime.fromtimestamp(now, zone).date()
    begin, end = _midnight(today, zone), _midnight(today + timedelta(days=1), zone)
    names = _names(session, Camera.camera_id, Camera.camera_name)
    teachers = _names(session, Teacher.teacher_id, Teacher.teacher_name)
    query = select(Lesson).where(Lesson.planned_start >= begin, Lesson.planned_start < end)
    told = list(session.scalars(query))
    running = _running(session, now)
    found = [
        LessonView(
            begin=lesson.planned_start,
            end=lesson.planned_end,
            camera=names.get(lesson.camera_id, ""),
            title=subjects.get(lesson.subject_id, "") if lesson.course_id else "",
            teacher=teachers.get(lesson.teacher_id, ""),
            state=_told_state(lesson, now, running),
            coverage=lesson.coverage,
            gaps=tuple(GapView(gap.since, gap.until, gap.cause) for gap in lesson.gaps),
        )
        for lesson in told
    ]
    for course in session.scalars(select(Course).where(Course.week_id == week_id(datetime.fromtimestamp(now, zone)))):
        starts = _at(today, course.start_sec, zone)
        ends = starts + course.elapse_sec
        if course.updated >= ends or any(_is_of(lesson, course, starts, ends) for lesson in told):
            continue  # entered only when its time was over; or told of by the agent
        found.append(
            LessonView(
                begin=starts,
                end=ends,
                camera=names.get(course.camera_id, ""),
                title=subjects.get(course.subject_id, ""),
                teacher=teachers.get(course.teacher_id, ""),
                state="upcoming" if now < starts else "silent" if now < ends else "unreported",
                coverage=None,
                gaps=(),
            )
        )
    return sorted(found, key=lambda lesson: (lesson.begin, lesson.camera))


def _is_of(lesson: Lesson, course: Course, starts: float, ends: float) -> bool:
    """Whether a recording is that of the course's occurrence; the course may have been moved since."""
    if (lesson.camera_id, lesson.course_id) != (course.camera_id, course.course_id):
        return False
    return lesson.planned_start < ends and (lesson.planned_end is None or starts < lesson.planned_end)


def _running(session: Session, now: float) -> set[tuple[int, int]]:
    """Channel and recording of what is being recorded, as far as living agents say."""
    query = select(Camera).join(Gather, Gather.gather_id == Camera.gather_id).where(Gather.lease_until > now)
    return {(camera.camera_id, slice_id) for camera in session.scalars(query) for slice_id in camera.recording}


def _told_state(lesson: Lesson, now: float, running: set[tuple[int, int]]) -> LessonState:
    if lesson.ended:
        return "done"
    if lesson.planned_end is not None and now >= lesson.planned_end:
        return "closing"
    return "on" if (lesson.camera_id, lesson.slice_id) in running else "silent"


def _records(session: Session, subjects: dict[int, str]) -> list[RecordView]:
    query = (
        select(Record, Camera.camera_name)
        .join(Camera, Camera.camera_id == Record.camera_id, isouter=True)
        .order_by(Record.started.desc(), Record.record_id.desc())
        .limit(RECENT)
    )
    return [
        RecordView(
            record_id=record.record_id,
            camera=name or "",
            title=subjects.get(record.subject_id, "") if record.course_id else "",
            started=record.started,
            duration=record.duration,
            size=record.file_size,
            file=record.file_fdfs,
            picture=record.image_fdfs,
            slice_inx=record.slice_inx,
            repaired=bool(record.repaired),
        )
        for record, name in session.execute(query)
    ]


def _names(session: Session, key: InstrumentedAttribute[int], name: InstrumentedAttribute[str]) -> dict[int, str]:
    return {row[0]: row[1] for row in session.execute(select(key, name))}


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime.combine(day, time(), zone).timestamp()


def _at(day: date, seconds: int, zone: ZoneInfo) -> float:
    return (datetime.combine(day, time()) + timedelta(seconds=seconds)).replace(tzinfo=zone).timestamp()
