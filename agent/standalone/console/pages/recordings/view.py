"""Recordings as people know them, read from the database: a lesson with all its slices is one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func, select, tuple_
from sqlalchemy.orm import Session, selectinload

from agent.standalone.console.filters import Filter
from agent.standalone.console.lessons import midnight, names
from agent.standalone.console.pages.recordings.playlist import Clip, Slice, length, playlist
from agent.standalone.store.schema import Camera, Gather, Lesson, Record, Subject, Teacher
from agent.web.parts import GapView

PER_PAGE = 24


@dataclass(frozen=True, slots=True)
class SliceView:
    """A stored file of a recording."""

    record_id: int
    inx: int
    started: float
    duration: float
    size: int
    repaired: bool
    video: str
    audio: str
    clicks: int


@dataclass(frozen=True, slots=True)
class RecordingView:
    """A recording with the slices that are here. `title` is empty for one by hand; `end` None where it is still on."""

    camera_id: int
    slice_id: int
    title: str
    camera: str
    gather: str
    teacher: str
    begin: float
    end: float | None
    ended: bool
    coverage: float | None
    gaps: tuple[GapView, ...]
    picture: str
    clips: tuple[Clip, ...]
    slices: tuple[SliceView, ...]

    @property
    def length(self) -> float:
        """Playing time in seconds, nothing twice."""
        return length(self.clips)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(piece.size for piece in self.slices)

    @property
    def clicks(self) -> int:
        """How often it was opened, by whichever of its slices."""
        return sum(piece.clicks for piece in self.slices)

    def slice_at(self, unix: float) -> SliceView:
        """The slice in which a moment (Unix seconds) is looked for: the last that began before it, else the first."""
        begun = [piece for piece in self.slices if piece.started <= unix]
        return begun[-1] if begun else self.slices[0]

    @property
    def key(self) -> str:
        """How an address names it."""
        return f"{self.camera_id}-{self.slice_id}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A page of recordings, the newest first; whether there is another page after it."""

    recordings: tuple[RecordingView, ...]
    more: bool


def read_shelf(session: Session, asked: Filter, zone: ZoneInfo, per_page: int = PER_PAGE) -> Shelf:
    """The recordings that a filter asks for."""
    begin, end = midnight(asked.first, zone), midnight(asked.last + timedelta(days=1), zone)
    stored = exists().where(Record.camera_id == Lesson.camera_id, Record.slice_id == Lesson.slice_id)
    query = (
        select(Lesson)
        .where(Lesson.planned_start >= begin, Lesson.planned_start < end, stored)
        .order_by(Lesson.planned_start.desc(), Lesson.lesson_id.desc())
        .options(selectinload(Lesson.gaps))
    )
    for name in ("gather_id", "camera_id", "subject_id", "teacher_id"):
        if getattr(asked, name):
            query = query.where(getattr(Lesson, name) == getattr(asked, name))
    if asked.incomplete:
        query = query.where(func.coalesce(Lesson.coverage, 1.0) < 1.0)
    found = list(session.scalars(query.limit(per_page + 1).offset((asked.page - 1) * per_page)))
    return Shelf(_views(session, found[:per_page]), len(found) > per_page)


def read_recording(session: Session, camera_id: int, slice_id: int) -> RecordingView | None:
    """One recording; None where nothing of it is here."""
    query = select(Lesson).where(Lesson.camera_id == camera_id, Lesson.slice_id == slice_id)
    views = _views(session, session.scalars(query))
    return views[0] if views and views[0].slices else None


def _views(session: Session, found: Iterable[Lesson]) -> tuple[RecordingView, ...]:
    found = list(found)
    records: dict[tuple[int, int], list[Record]] = defaultdict(list)
    keys = [(lesson.camera_id, lesson.slice_id) for lesson in found]
    query = select(Record).where(tuple_(Record.camera_id, Record.slice_id).in_(keys))
    for record in session.scalars(query.order_by(Record.slice_inx, Record.started)):
        records[record.camera_id, record.slice_id].append(record)
    subjects = names(session, Subject.subject_id, Subject.subject_name)
    teachers = names(session, Teacher.teacher_id, Teacher.teacher_name)
    cameras = names(session, Camera.camera_id, Camera.camera_name)
    gathers = {row.gather_id: row.name_set or row.name_pc for row in session.scalars(select(Gather))}
    return tuple(
        RecordingView(
            camera_id=lesson.camera_id,
            slice_id=lesson.slice_id,
            title=subjects.get(lesson.subject_id, "") if lesson.course_id else "",
            camera=cameras.get(lesson.camera_id, ""),
            gather=gathers.get(lesson.gather_id, ""),
            teacher=teachers.get(lesson.teacher_id, ""),
            begin=lesson.planned_start,
            end=lesson.planned_end,
            ended=bool(lesson.ended),
            coverage=lesson.coverage,
            gaps=tuple(GapView(gap.since, gap.until, gap.cause) for gap in lesson.gaps),
            picture=next((one.image_fdfs for one in own if one.image_fdfs), ""),
            clips=playlist(
                [Slice(one.slice_inx, one.file_fdfs, one.started, one.duration, one.overlap_sec) for one in own]
            ),
            slices=tuple(map(_slice, own)),
        )
        for lesson in found
        for own in [records[lesson.camera_id, lesson.slice_id]]
    )


def _slice(record: Record) -> SliceView:
    return SliceView(
        record_id=record.record_id,
        inx=record.slice_inx,
        started=record.started,
        duration=record.duration,
        size=record.file_size,
        repaired=bool(record.repaired),
        video=record.video,
        audio=record.audio,
        clicks=record.clicks,
    )
