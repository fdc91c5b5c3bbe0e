"""3.27 to 3.30: weekly courses."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from agent.standalone.api.call import STAMPS, Call, Change, Endpoint
from agent.standalone.api.envelope import ApiError, Err, done
from agent.standalone.api.paging import Listed, by_id, page
from agent.standalone.api.params import Kind, Param
from agent.standalone.clocktime import Span, clock_seconds, clock_text, crosses_midnight, first_overlap
from agent.standalone.gather.rows import bump, wire_course
from agent.standalone.hub import Order
from agent.standalone.store.schema import Camera, Course, Subject, Teacher
from agent.wire.commands import SetCourse
from agent.wire.models import WireCourse

ADD, MODIFY, DELETE = 1, 2, 3
_SHOWN = ("course_id", "camera_id", "subject_id", "teacher_id", "repeat_id", "week_id", "elapse_sec")


def list_course(session: Session, call: Call) -> dict[str, Any]:
    """3.27: the courses of one channel in the order of the week."""
    order = (Course.week_id.asc(), Course.start_sec.asc(), Course.course_id.asc())
    listed = Listed(Course.course_id, order, select(Course), by_id(call.params, Course.camera_id, Course.course_id))
    return page(session, listed, call.params, lambda row: _shown(call, row))


def _shown(call: Call, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    course = row[0]
    day = call.services.local(course.updated).date().isoformat()  # a date has to be there, and means nothing
    return {
        **{name: getattr(course, name) for name in _SHOWN},
        "start_time": f"{day} {clock_text(course.start_sec)}",
        "end_time": f"{day} {clock_text(course.start_sec + course.elapse_sec)}",
        **call.stamps(course),
    }


def add_course(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """3.28."""
    course = Course(created=call.now)
    camera = _fill(session, call, course)
    session.add(course)
    session.flush()
    return _answer(course), [_tell(session, camera, [wire_course(session, course, ADD)])]


def mod_course(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """3.29: all fields are given anew. A course that moves to another channel leaves the one before."""
    course = session.get(Course, call.params.number("course_id"))
    if course is None:
        raise ApiError(Err.NO_ID, "course_id 不存在")
    before = wire_course(session, course, DELETE)
    camera = _fill(session, call, course)
    session.flush()
    if before.camera_id == camera.camera_id:
        return _answer(course), [_tell(session, camera, [wire_course(session, course, MODIFY)])]
    former = session.get_one(Camera, before.camera_id)
    moved = [_tell(session, former, [before]), _tell(session, camera, [wire_course(session, course, ADD)])]
    return _answer(course), moved


def del_course(session: Session, call: Call) -> tuple[dict[str, Any], list[Order]]:
    """3.30: ids that are not there are passed over; 1010 when none is. Every agent concerned is told."""
    gone: dict[int, list[WireCourse]] = defaultdict(list)
    which = Course.course_id.in_(call.params.ids("course_id"))
    for course in session.scalars(select(Course).where(which).order_by(Course.course_id)):
        gone[course.camera_id].append(wire_course(session, course, DELETE))
    if not gone:
        raise ApiError(Err.NO_ID, "course_id 不存在")
    cameras = session.scalars(select(Camera).where(Camera.camera_id.in_(gone))).all()
    session.execute(delete(Course).where(which))
    return done(), [_tell(session, camera, gone[camera.camera_id]) for camera in cameras]


def _fill(session: Session, call: Call, course: Course) -> Camera:
    """Set all fields of a course from the call, checked in the documented order."""
    params = call.params
    camera = session.get(Camera, params.number("camera_id"), with_for_update=True)
    if camera is None:
        raise ApiError(Err.NO_ID, "camera_id 不存在")
    for name, table in (("subject_id", Subject), ("teacher_id", Teacher)):
        if session.get(table, params.number(name)) is None:
            raise ApiError(Err.NO_ID, f"{name} 不存在")
    week_id = params.number("week_id")
    span = _span(params.text("start_time"), params.number("elapse_sec"))
    if not 0 <= week_id <= 6:
        raise ApiError(Err.BAD_TIME, "week_id 必须在 0 到 6 之间")
    if crosses_midnight(span):
        raise ApiError(Err.CROSS_DAY)
    _check_overlap(session, camera.camera_id, week_id, span, course.course_id)
    course.camera_id = camera.camera_id
    course.subject_id, course.teacher_id = params.number("subject_id"), params.number("teacher_id")
    course.week_id, course.start_sec, course.elapse_sec = week_id, span.start, span.length
    course.updated = call.now
    return camera


def _span(start_time: str, elapse_sec: int) -> Span:
    start = clock_seconds(start_time)
    if start is None:
        raise ApiError(Err.BAD_TIME, "start_time 的格式是 HH:MM:SS")
    if elapse_sec <= 0:
        raise ApiError(Err.BAD_TIME, "elapse_sec 必须大于 0")
    return Span(start, elapse_sec)


def _check_overlap(session: Session, camera_id: int, week_id: int, span: Span, but: int | None) -> None:
    day = select(Course).where(Course.camera_id == camera_id, Course.week_id == week_id).order_by(Course.start_sec)
    others = [Span(row.start_sec, row.elapse_sec) for row in session.scalars(day) if row.course_id != but]
    clash = first_overlap(span, others)
    if clash is not None:
        raise ApiError(Err.OVERLAP, f"重叠区间：{clash}")


def _tell(session: Session, camera: Camera, courses: list[WireCourse]) -> Order:
    data = SetCourse(camera_id=camera.camera_id, courses=tuple(courses))
    return Order(camera.gather_id, "set_course", bump(session, camera.gather_id), data)


def _answer(course: Course) -> dict[str, Any]:
    return done(course_id=course.course_id, camera_id=course.camera_id)


_WHOLE = (
    *(Param(name, Kind.ID, missing=Err.NO_ID) for name in ("camera_id", "subject_id", "teacher_id")),
    *(Param(name, Kind.NUMBER, missing=Err.NO_ID, bad=Err.BAD_TIME) for name in ("week_id", "elapse_sec")),
    Param("start_time", missing=Err.NO_ID),
)

_MISFITS = (Err.NO_ID, Err.BAD_TIME, Err.OVERLAP, Err.CROSS_DAY)

ENDPOINTS = (
    Endpoint(
        "list_course",
        list_course,
        (Param("camera_id", Kind.ID, missing=Err.NO_ID), Param("course_id", Kind.ID)),
        section="3.27",
        title=("获取指定通道下的录像任务列表", "The courses of a channel"),
        rows=(*_SHOWN, "start_time", "end_time", *STAMPS),
    ),
    Change(
        "add_course",
        add_course,
        _WHOLE,
        section="3.28",
        title=("添加录像任务", "Add a weekly course"),
        answers=("course_id", "camera_id"),
        raises=_MISFITS,
    ),
    Change(
        "mod_course",
        mod_course,
        (Param("course_id", Kind.ID, missing=Err.NO_ID), *_WHOLE),
        section="3.29",
        title=("修改录像任务", "Change a course"),
        answers=("course_id", "camera_id"),
        raises=_MISFITS,
    ),
    Change(
        "del_course",
        del_course,
        (Param("course_id", Kind.IDS, missing=Err.NO_ID),),
        section="3.30",
        title=("删除录像任务", "Delete courses"),
        raises=(Err.NO_ID,),
    ),
)
