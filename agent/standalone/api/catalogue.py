"""3.3 to 3.15: schools, subjects, grades, teachers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from agent.standalone.api.call import Call, Endpoint
from agent.standalone.api.envelope import ApiError, Err, done
from agent.standalone.api.paging import page
from agent.standalone.api.params import Kind, Param
from agent.standalone.store.schema import Grade, School, Subject, Teacher

_MAY_BE_EMPTY = {"phone", "detail_info"}

Entry = School | Subject | Grade | Teacher


class Family:
    """The calls that all four tables share: `key` is the id's name, `columns` what a row shows and a caller may set."""

    def __init__(self, table: type[Entry], key: str, columns: tuple[str, ...]) -> None:
        self.table = table
        self.key = key
        self.columns = columns

    def show(self, session: Session, call: Call) -> dict[str, Any]:
        """One page, the newest first."""

        def row(found: Row[*tuple[Any, ...]]) -> dict[str, Any]:
            entry = found[0]
            return {name: getattr(entry, name) for name in (self.key, *self.columns)} | call.stamps(entry)

        return page(session, select(self.table).order_by(getattr(self.table, self.key).desc()), call.params, row)

    def add(self, session: Session, call: Call) -> dict[str, Any]:
        """Add a row; its id is the answer."""
        entry = self.table(created=call.now, updated=call.now)
        self._fill(entry, call)
        session.add(entry)
        session.flush()
        return done(**{self.key: getattr(entry, self.key)})

    def change(self, session: Session, call: Call) -> dict[str, Any]:
        """Change what is given; an unknown id is 1010."""
        entry = session.get(self.table, call.params.number(self.key))
        if not isinstance(entry, Entry):
            raise ApiError(Err.NO_ID, f"{self.key} 不存在")
        self._fill(entry, call)
        entry.updated = call.now
        return done()

    def remove(self, session: Session, call: Call) -> dict[str, Any]:
        """Delete a list of rows; ids that are not there are passed over."""
        session.execute(delete(self.table).where(getattr(self.table, self.key).in_(call.params.ids(self.key))))
        return done()

    def _fill(self, entry: Entry, call: Call) -> None:
        for name in self.columns:
            if call.params.has(name) or (call.params.given(name) and name in _MAY_BE_EMPTY):
                setattr(entry, name, call.params.number(name) if name == "title_id" else call.params.text(name))


SCHOOLS = Family(School, "school_id", ("name", "addr", "phone"))
SUBJECTS = Family(Subject, "subject_id", ("subject_name",))
GRADES = Family(Grade, "grade_id", ("grade_type", "grade_name"))
TEACHERS = Family(Teacher, "teacher_id", ("teacher_name", "sex_name", "title_name", "title_id", "detail_info"))


def mod_teacher(session: Session, call: Call) -> dict[str, Any]:
    """3.14: something must be changed, else 1008."""
    if not any(call.params.has(name) for name in TEACHERS.columns):
        raise ApiError(Err.NO_NAME)
    return TEACHERS.change(session, call)


def _id(name: str) -> Param:
    return Param(name, Kind.ID, missing=Err.NO_ID)


def _ids(name: str) -> tuple[Param]:
    return (Param(name, Kind.IDS, missing=Err.NO_ID),)


_NAMED = (Param("name", missing=Err.NO_NAME), Param("addr", missing=Err.NO_ADDRESS))
_SUBJECT = (Param("subject_name", missing=Err.NO_NAME),)
_TITLE = Param("title_id", Kind.NUMBER)
_TEACHER = (
    *(Param(name, missing=Err.NO_NAME) for name in ("teacher_name", "sex_name", "title_name")),
    Param("title_id", Kind.NUMBER, missing=Err.NO_ID),
)

ENDPOINTS = (
    Endpoint("list_school", SCHOOLS.show),
    Endpoint("add_school", SCHOOLS.add, _NAMED),
    Endpoint("mod_school", SCHOOLS.change, (_id("school_id"), *_NAMED)),
    Endpoint("del_school", SCHOOLS.remove, _ids("school_id")),
    Endpoint("list_subject", SUBJECTS.show),
    Endpoint("add_subject", SUBJECTS.add, _SUBJECT),
    Endpoint("mod_subject", SUBJECTS.change, (_id("subject_id"), *_SUBJECT)),
    Endpoint("del_subject", SUBJECTS.remove, _ids("subject_id")),
    Endpoint("list_grade", GRADES.show),
    Endpoint("list_teacher", TEACHERS.show),
    Endpoint("add_teacher", TEACHERS.add, _TEACHER),
    Endpoint("mod_teacher", mod_teacher, (_id("teacher_id"), _TITLE)),
    Endpoint("del_teacher", TEACHERS.remove, _ids("teacher_id")),
)
