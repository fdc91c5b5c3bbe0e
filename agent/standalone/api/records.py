"""3.25, 3.26 and 3.32: recordings."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from agent.standalone.api.call import FRAME, STAMPS, Call, Endpoint
from agent.standalone.api.envelope import ApiError, Err, done
from agent.standalone.api.paging import Listed, by_id, page
from agent.standalone.api.params import Kind, Param
from agent.standalone.clocktime import length_text, moment
from agent.standalone.store.schema import Camera, Grade, Record, StoredFile, Subject, Teacher
from agent.standalone.store.trash import throw_away

_FILTERS = (Record.camera_id, Record.gather_id, Record.course_id, Record.record_id)
_ROWS = (
    *("record_id", "gather_id", "camera_id", "camera_name", "grade_id", "grade_type", "grade_name", "subject_id"),
    *("subject_name", "teacher_id", "teacher_name", "title_name", "course_id", "slice_id", "slice_inx"),
    *("file_src", "file_fdfs", "image_fdfs", "file_size", "duration", "disptime", "clicks", *STAMPS),
)
_TEXTS = (
    *(Camera.camera_name, Grade.grade_type, Grade.grade_name),
    *(Subject.subject_name, Teacher.teacher_name, Teacher.title_name),
)

_COLUMNS = (
    # Columns, not entities: a page of 1000 rows takes a third of the time.
    *(column for name in _ROWS if (column := getattr(Record, name, None)) is not None),
    *(func.coalesce(column, "").label(column.key) for column in _TEXTS),
    func.coalesce(Camera.grade_id, 0).label("grade_id"),
)


def list_record(session: Session, call: Call) -> dict[str, Any]:
    """3.25, newest start first. Optional filters: ids, and `begin` <= start < `end`."""
    query = (
        select(*_COLUMNS)
        .select_from(Record)
        .join(Camera, Camera.camera_id == Record.camera_id, isouter=True)
        .join(Grade, Grade.grade_id == Camera.grade_id, isouter=True)
        .join(Subject, Subject.subject_id == Record.subject_id, isouter=True)
        .join(Teacher, Teacher.teacher_id == Record.teacher_id, isouter=True)
    )
    listed = Listed(Record.record_id, (Record.started.desc(), Record.record_id.desc()), query, _where(call))
    return page(session, listed, call.params, lambda row: _shown(call, row), storage_addr=call.base_url)


def _where(call: Call) -> tuple[ColumnElement[bool], ...]:
    where = [*by_id(call.params, *_FILTERS)]
    for name in ("begin", "end"):
        if not call.params.has(name):
            continue
        at = moment(call.params.text(name), call.services.zone)
        if at is None:
            raise ApiError(Err.BAD_TIME, f"{name} 的格式是 YYYY-MM-DD HH:MM:SS")
        where.append(Record.started >= at if name == "begin" else Record.started < at)
    return tuple(where)


def _shown(call: Call, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    stamps = {"disptime": length_text(row.duration), **call.stamps(row)}
    values = {**row._mapping, "duration": round(row.duration), **stamps}
    return {name: values[name] for name in _ROWS}


def del_record(session: Session, call: Call) -> dict[str, Any]:
    """3.26: rows at once, files in the background; ids that are not there are passed over."""
    ids = call.params.ids("record_id")
    stems = session.scalars(select(Record.file_src).where(Record.record_id.in_(ids))).all()
    throw_away(session, StoredFile.name.in_([stem + ending for stem in stems for ending in (".mp4", ".jpg")]))
    session.execute(delete(Record).where(Record.record_id.in_(ids)))
    return done()


def play_record(session: Session, call: Call) -> dict[str, Any]:
    """3.32: the address of a page to be framed, which needs no token, cannot be guessed and is good for some hours."""
    record_id = call.params.number("record_id")
    if session.get(Record, record_id) is None:
        raise ApiError(Err.NO_ID, "record_id 不存在")
    width, height = call.params.frame()
    ticket = call.services.keys.admission("record", record_id)
    return done(play_url=f"{call.base_url}/play/record/{ticket}?width={width}&height={height}")


ENDPOINTS = (
    Endpoint(
        "list_record",
        list_record,
        (*(Param(column.key, Kind.ID) for column in _FILTERS), Param("begin"), Param("end")),
        section="3.25",
        title=("获取录像文件列表", "The recordings"),
        answers=("storage_addr",),
        rows=_ROWS,
        raises=(Err.BAD_TIME,),
    ),
    Endpoint(
        "del_record",
        del_record,
        (Param("record_id", Kind.IDS, missing=Err.NO_ID),),
        section="3.26",
        title=("删除录像", "Delete recordings with their files"),
    ),
    Endpoint(
        "play_record",
        play_record,
        (Param("record_id", Kind.ID, missing=Err.NO_ID), *FRAME),
        section="3.32",
        title=("播放录像文件", "A page that plays a recording"),
        answers=("play_url",),
        raises=(Err.NO_ID,),
    ),
)
