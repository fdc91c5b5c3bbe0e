"""What became of lessons, read from the database: what agents told of, and what the timetable has beside it.

A lesson of the past of which nobody told is in the list too: it is the one that a school must hear of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from agent.standalone.clocktime import week_id
from agent.standalone.gather.reports import LEASE_SECONDS
from agent.standalone.store.schema import Camera, Course, Gap, Gather, Lesson, Subject, Teacher
from agent.web.parts import GapView

LessonState = Literal["upcoming", "on", "silent", "unheard", "closing", "done", "unreported"]
"""`silent`: should be recording and is not; `unheard`: its agent has not been heard since, so that nobody knows;
`closing`: over, its account is still to come; `unreported`: over, and its agent knows nothing of it.
"""

Fate = Literal["coming", "open", "whole", "incomplete", "unknown"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lessons: those that begin on the days from `first` to `last`; ids of 0 select nothing."""

    first: date
    last: date
    gather_id: int = 0
    camera_id: int = 0
    subject_id: int = 0
    teacher_id: int = 0


@dataclass(frozen=True, slots=True)
class LessonView:
    """A lesson, or a recording by hand (`course_id` 0, `title` empty). `slice_id` is 0 where no agent told of it: once
    it is over, such a one is a gap as a whole. Unix seconds.
    """

    gather_id: int
    camera_id: int
    course_id: int
    slice_id: int
    begin: float
    end: float | None
    gather: str
    camera: str
    title: str
    teacher: str
    state: LessonState
    coverage: float | None = None
    gaps: tuple[GapView, ...] = ()

    @property
    def kind(self) -> str:
        """The state as it is shown: what is done is told apart by its outcome."""
        if self.state != "done" or not self.gaps:
            return self.state
        return "partly" if self.coverage else "missed"

    @property
    def fate(self) -> Fate:
        """What became of it in one word: a gap is a loss also while it is on."""
        if self.state == "upcoming":
            return "coming"
        if self.gaps or self.state == "silent":
            return "incomplete"
        if self.state == "unheard":
            return "unknown"
        return "whole" if self.state == "done" else "open"


def lessons(session: Session, wanted: Wanted, now: float, zone: ZoneInfo) -> list[LessonView]:
    """The lessons in the order of their begin."""
    return sorted(_Reader(session, wanted, now, zone).read(), key=lambda lesson: (lesson.begin, lesson.camera))


_TOLD = (
    *(Lesson.lesson_id, Lesson.gather_id, Lesson.camera_id, Lesson.slice_id, Lesson.course_id, Lesson.subject_id),
    *(Lesson.teacher_id, Lesson.planned_start, Lesson.planned_end, Lesson.ended, Lesson.coverage),
)
_PLANNED = (
    *(Course.course_id, Course.camera_id, Course.subject_id, Course.teacher_id),
    *(Course.week_id, Course.start_sec, Course.elapse_sec, Course.updated),
)
_Columns = Row[*tuple[Any, ...]]
"""Columns, not entities: a school's year has 80,000 lessons, and they take a third of the time."""


class _Reader:
    def __init__(self, session: Session, wanted: Wanted, now: float, zone: ZoneInfo) -> None:
        self._session, self._wanted, self._now, self._zone = session, wanted, now, zone
        self._cameras = {camera.camera_id: camera for camera in session.scalars(select(Camera))}
        self._gathers = {gather.gather_id: gather for gather in session.scalars(select(Gather))}
        self._subjects = names(session, Subject.subject_id, Subject.subject_name)
        self._teachers = names(session, Teacher.teacher_id, Teacher.teacher_name)
        self._gaps: Mapping[int, list[GapView]] = {}
        pairs = ((wanted.gather_id, 0), (wanted.subject_id, 1), (wanted.teacher_id, 2))
        self._asked = [(asked, at) for asked, at in pairs if asked]

    def read(self) -> Iterator[LessonView]:
        told: dict[tuple[int, int], list[_Columns]] = defaultdict(list)
        self._gaps = self._read_gaps()
        for lesson in self._session.execute(select(*_TOLD).where(*self._told())):
            told[lesson.camera_id, lesson.course_id].append(lesson)
            if self._is_wanted(lesson.gather_id, lesson.subject_id, lesson.teacher_id):
                yield self._of_agent(lesson)
        yield from self._of_timetable(told)

    def _told(self) -> list[ColumnElement[bool]]:
        wanted = self._wanted
        begin, end = midnight(wanted.first, self._zone), midnight(wanted.last + timedelta(days=1), self._zone)
        those = [Lesson.planned_start >= begin, Lesson.planned_start < end]
        return [*those, Lesson.camera_id == wanted.camera_id] if wanted.camera_id else those

    def _read_gaps(self) -> Mapping[int, list[GapView]]:
        """By lesson, as columns: loading them with their lessons takes as long as everything else."""
        found: dict[int, list[GapView]] = defaultdict(list)
        columns = select(Gap.lesson_id, Gap.since, Gap.until, Gap.cause)
        query = columns.join(Lesson, Lesson.lesson_id == Gap.lesson_id).where(*self._told()).order_by(Gap.since)
        for lesson_id, since, until, cause in self._session.execute(query):
            found[lesson_id].append(GapView(since, until, cause))
        return found

    def _is_wanted(self, *ids: int) -> bool:
        """Whether these are the recorder, subject and teacher that were asked for."""
        return not self._asked or all(ids[at] == asked for asked, at in self._asked)

    def _of_agent(self, lesson: _Columns) -> LessonView:
        return LessonView(
            gather_id=lesson.gather_id,
            camera_id=lesson.camera_id,
            course_id=lesson.course_id,
            slice_id=lesson.slice_id,
            begin=lesson.planned_start,
            end=lesson.planned_end,
            gather=self._gather_name(lesson.gather_id),
            camera=self._camera_name(lesson.camera_id),
            title=self._subjects.get(lesson.subject_id, "") if lesson.course_id else "",
            teacher=self._teachers.get(lesson.teacher_id, ""),
            state=self._told_state(lesson),
            coverage=lesson.coverage,
            gaps=tuple(self._gaps.get(lesson.lesson_id, ())),
        )

    def _told_state(self, lesson: _Columns) -> LessonState:
        if lesson.ended:
            return "done"
        alive = self._heard(lesson.gather_id) > self._now - LEASE_SECONDS
        if lesson.planned_end is not None and self._now >= lesson.planned_end:
            return "closing" if alive else "unheard"
        camera = self._cameras.get(lesson.camera_id)
        if not alive or camera is None:
            return "unheard"
        return "on" if lesson.slice_id in camera.recording else "silent"

    def _of_timetable(self, told: Mapping[tuple[int, int], list[_Columns]]) -> Iterator[LessonView]:
        courses = defaultdict(list)
        weekdays = {week_id(datetime.combine(day, time())) for day in days(self._wanted.first, self._wanted.last)}
        query = select(*_PLANNED).where(Course.week_id.in_(weekdays))
        if self._wanted.camera_id:
            query = query.where(Course.camera_id == self._wanted.camera_id)
        for course in self._session.execute(query):
            camera = self._cameras[course.camera_id]
            if self._is_wanted(camera.gather_id, course.subject_id, course.teacher_id):
                courses[course.week_id].append(course)
        for day in days(self._wanted.first, self._wanted.last):
            moments: dict[int, float] = {}
            for course in courses[week_id(datetime.combine(day, time()))]:
                starts = moments.get(course.start_sec) or moment(day, course.start_sec, self._zone)
                moments[course.start_sec] = starts
                ends = starts + course.elapse_sec
                of_course = told.get((course.camera_id, course.course_id), ())
                # One that was entered, or moved here, only when its time was over was never due.
                if course.updated < ends and not any(_is_of(lesson, starts, ends) for lesson in of_course):
                    yield self._untold(course, starts, ends)

    def _untold(self, course: _Columns, starts: float, ends: float) -> LessonView:
        camera = self._cameras[course.camera_id]
        state = self._untold_state(camera.gather_id, starts, ends)
        return LessonView(
            gather_id=camera.gather_id,
            camera_id=course.camera_id,
            course_id=course.course_id,
            slice_id=0,
            begin=starts,
            end=ends,
            gather=self._gather_name(camera.gather_id),
            camera=camera.camera_name,
            title=self._subjects.get(course.subject_id, ""),
            teacher=self._teachers.get(course.teacher_id, ""),
            state=state,
            coverage=0.0 if state == "unreported" else None,
            gaps=(GapView(starts, ends, state),) if state == "unreported" else (),
        )

    def _untold_state(self, gather_id: int, starts: float, ends: float) -> LessonState:
        if self._now < starts:
            return "upcoming"
        heard = self._heard(gather_id)
        if self._now < ends:
            return "silent" if heard > self._now - LEASE_SECONDS else "unheard"
        return "unreported" if heard > ends else "unheard"

    def _heard(self, gather_id: int) -> float:
        """When its agent was last heard."""
        gather = self._gathers.get(gather_id)
        return 0.0 if gather is None else gather.lease_until - LEASE_SECONDS

    def _gather_name(self, gather_id: int) -> str:
        gather = self._gathers.get(gather_id)
        return "" if gather is None else gather.name_set or gather.name_pc

    def _camera_name(self, camera_id: int) -> str:
        camera = self._cameras.get(camera_id)
        return "" if camera is None else camera.camera_name


def _is_of(lesson: _Columns, starts: float, ends: float) -> bool:
    """Whether a recording of a course is that of an occurrence; the course may have been moved since."""
    return lesson.planned_start < ends and (lesson.planned_end is None or starts < lesson.planned_end)


def names(session: Session, key: InstrumentedAttribute[int], name: InstrumentedAttribute[str]) -> dict[int, str]:
    """The names of a table's rows by their ids."""
    return {row[0]: row[1] for row in session.execute(select(key, name))}


def days(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last."""
    return (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))


def midnight(day: date, zone: ZoneInfo) -> float:
    """When a day begins."""
    return moment(day, 0, zone)


def moment(day: date, seconds: int, zone: ZoneInfo) -> float:
    """The time of day `seconds` after midnight by the clock on the wall."""
    return (datetime.combine(day, time()) + timedelta(seconds=seconds)).replace(tzinfo=zone).timestamp()
