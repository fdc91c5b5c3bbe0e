"""What became of lessons, read from the database: what agents told of, and what the timetable has beside it.

A lesson of the past of which nobody told is in the list too: it is the one that a school must hear of.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
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
        return _fate(self.state, self.gaps)


def _fate(state: LessonState, gaps: Sequence[GapView]) -> Fate:
    if state == "upcoming":
        return "coming"
    if gaps or state == "silent":
        return "incomplete"
    if state == "unheard":
        return "unknown"
    return "whole" if state == "done" else "open"


def lessons(session: Session, wanted: Wanted, now: float, zone: ZoneInfo) -> list[LessonView]:
    """The lessons in the order of their begin."""
    reader = _Reader(session, wanted, now, zone, Around(session, wanted))
    return sorted(reader.read(), key=lambda lesson: (lesson.begin, lesson.camera))


def outcomes(
    session: Session, wanted: Wanted, now: float, zone: ZoneInfo, around: Around
) -> tuple[Counter[Fate], list[Sequence[GapView]]]:
    """How many of the same lessons have which fate, and the gaps of those that have any; much sooner."""
    return _Reader(session, wanted, now, zone, around).outcomes()


_LESSON = Lesson.__table__.c
_TOLD = (
    *(_LESSON.lesson_id, _LESSON.gather_id, _LESSON.camera_id, _LESSON.slice_id, _LESSON.course_id, _LESSON.subject_id),
    *(_LESSON.teacher_id, _LESSON.planned_start, _LESSON.planned_end, _LESSON.ended, _LESSON.coverage),
)
_PLANNED = (
    *(Course.course_id, Course.camera_id, Course.subject_id, Course.teacher_id),
    *(Course.week_id, Course.start_sec, Course.elapse_sec, Course.updated),
)
_Columns = Row[*tuple[Any, ...]]
"""Columns, not entities: a school's year has 80,000 lessons, and they take a third of the time."""
_Key = tuple[int, int]
"""A channel and a course."""


class Around:
    """What lessons are told by, besides themselves: channels, recorders, and the timetable of what is wanted. Those of
    one day do for a year that is read in pieces.
    """

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self.cameras = {camera.camera_id: camera for camera in session.scalars(select(Camera))}
        self.gathers = {gather.gather_id: gather for gather in session.scalars(select(Gather))}
        # By weekday, second of the day, channel and id.
        self.courses: dict[int, dict[int, dict[_Key, _Columns]]] = defaultdict(lambda: defaultdict(dict))
        pairs = ((wanted.gather_id, 0), (wanted.subject_id, 1), (wanted.teacher_id, 2))
        self._asked = [(asked, at) for asked, at in pairs if asked]
        self.is_choosy = bool(self._asked)
        query = select(*_PLANNED)
        if wanted.camera_id:
            query = query.where(Course.camera_id == wanted.camera_id)
        for course in session.execute(query):
            if self.is_wanted(self.cameras[course.camera_id].gather_id, course.subject_id, course.teacher_id):
                key = (course.camera_id, course.course_id)
                self.courses[course.week_id][course.start_sec][key] = course

    def is_wanted(self, *ids: int) -> bool:
        """Whether these are the recorder, subject and teacher that were asked for."""
        return not self._asked or all(ids[at] == asked for asked, at in self._asked)


class _Reader:
    def __init__(self, session: Session, wanted: Wanted, now: float, zone: ZoneInfo, around: Around) -> None:
        self._session, self._wanted, self._now, self._zone, self._around = session, wanted, now, zone, around
        self._cameras, self._gathers = around.cameras, around.gathers
        self._gaps = self._read_gaps()
        self._told_lessons = session.execute(select(*_TOLD).where(*self._told())).all()

    def read(self) -> Iterator[LessonView]:
        self._subjects = names(self._session, Subject.subject_id, Subject.subject_name)
        self._teachers = names(self._session, Teacher.teacher_id, Teacher.teacher_name)
        for lesson in self._told_lessons:
            if self._around.is_wanted(lesson.gather_id, lesson.subject_id, lesson.teacher_id):
                yield self._of_agent(lesson)
        for course, starts, ends in self._read_untold():
            yield self._untold(course, starts, ends)

    def outcomes(self) -> tuple[Counter[Fate], list[Sequence[GapView]]]:
        told = self._told_lessons
        if self._around.is_choosy:
            told = [one for one in told if self._around.is_wanted(one.gather_id, one.subject_id, one.teacher_id)]
        with_gaps = self._gaps
        odd = [lesson for lesson in told if not lesson.ended or lesson.lesson_id in with_gaps]
        counts: Counter[Fate] = Counter({"whole": len(told) - len(odd)})
        gaps = []
        for lesson in odd:
            of_lesson = with_gaps.get(lesson.lesson_id, ())
            counts[_fate(self._told_state(lesson), of_lesson)] += 1
            gaps.append(of_lesson)
        for course, starts, ends in self._read_untold():
            state = self._untold_state(self._cameras[course.camera_id].gather_id, starts, ends)
            gaps.append(_untold_gaps(state, starts, ends))
            counts[_fate(state, gaps[-1])] += 1
        return counts, gaps

    def _told(self) -> list[ColumnElement[bool]]:
        wanted = self._wanted
        begin, end = midnight(wanted.first, self._zone), midnight(wanted.last + timedelta(days=1), self._zone)
        those = [Lesson.planned_start >= begin, Lesson.planned_start < end]
        return [*those, Lesson.camera_id == wanted.camera_id] if wanted.camera_id else those

    def _read_gaps(self) -> Mapping[int, Sequence[GapView]]:
        """By lesson, as columns: loading them with their lessons takes as long as everything else."""
        found: dict[int, list[GapView]] = defaultdict(list)
        columns = select(Gap.lesson_id, Gap.since, Gap.until, Gap.cause)
        query = columns.join(Lesson, Lesson.lesson_id == Gap.lesson_id).where(*self._told()).order_by(Gap.since)
        for lesson_id, since, until, cause in self._session.execute(query):
            found[lesson_id].append(GapView(since, until, cause))
        return found

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

    def _read_untold(self) -> Iterator[tuple[_Columns, float, float]]:
        """What the timetable has and no agent told of: the course, begin and end."""
        on_time: dict[float, set[_Key]] = defaultdict(set)  # most lessons begin when their course does: no second look
        for lesson in self._told_lessons:
            begin, end = lesson.planned_start, lesson.planned_end
            if end is None or end > begin:
                on_time[begin].add((lesson.camera_id, lesson.course_id))
        others = []
        for day in days(self._wanted.first, self._wanted.last):
            of_day = self._around.courses.get(week_id(datetime.combine(day, time())), {})
            for start_sec, courses in of_day.items():
                starts = moment(day, start_sec, self._zone)
                others += [(courses[key], starts) for key in courses.keys() - on_time.get(starts, set())]
        told = self._told_at({course.course_id for course, _ in others})
        for course, starts in others:
            ends = starts + course.elapse_sec
            times = told.get((course.camera_id, course.course_id), ())
            # One that was entered, or moved here, only when its time was over was never due.
            if course.updated < ends and not any(_overlap(starts, ends, *one) for one in times):
                yield course, starts, ends

    def _told_at(self, courses: Collection[int]) -> Mapping[_Key, Sequence[tuple[float, float | None]]]:
        """When lessons of these courses were, as agents told."""
        found = defaultdict(list)
        for lesson in self._told_lessons:
            if lesson.course_id in courses:
                found[lesson.camera_id, lesson.course_id].append((lesson.planned_start, lesson.planned_end))
        return found

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
            gaps=_untold_gaps(state, starts, ends),
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


def _untold_gaps(state: LessonState, starts: float, ends: float) -> tuple[GapView, ...]:
    return (GapView(starts, ends, state),) if state == "unreported" else ()


def _overlap(starts: float, ends: float, begin: float, end: float | None) -> bool:
    """Whether a recording of a course is that of an occurrence; the course may have been moved since."""
    return begin < ends and (end is None or starts < end)


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
