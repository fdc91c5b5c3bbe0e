"""3.3 to 3.15: schools, subjects, grades, teachers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from agent.standalone.api.call import STAMPS, Call, Endpoint
from agent.standalone.api.envelope import ApiError, Err, done
from agent.standalone.api.paging import Listed, page
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

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of a row."""
        return (self.key, *self.columns, *STAMPS)

    def show(self, session: Session, call: Call) -> dict[str, Any]:
        """One page, the newest first."""

        def row(found: Row[*tuple[Any, ...]]) -> dict[str, Any]:
            entry = found[0]
            return {name: getattr(entry, name) for name in (self.key, *self.columns)} | call.stamps(entry)

        key = getattr(self.table, self.key)
        return page(session, Listed(key, (key.desc(),), select(self.table)), call.params, row)

    def add(self, session: Session, call: Call) -> dict[str, Any]:
        """Add a row; its id is the answer."""
        entry = self.table(created=call.now, updated=call.now)
        self._fill(entry, call)
        session.add(entry)
        session.flush()
        return done(**{self.key: getattr(entry, self.key)})

    def change(self, session: Session, call: Call) -> dict[str, Any]:
        """Change what is given; an unknown id is 1010."""
        if self.table is Teacher and not any(call.params.has(name) for name in self.columns):
            raise ApiError(Err.NO_NAME)  # 3.14: every field may be left out, but not all of them
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
                setattr(entry, name, _title(call) if name == "title_id" else call.params.text(name))


def _title(call: Call) -> int:
    title_id = call.params.number("title_id")
    if not 0 <= title_id <= 4:
        raise ApiError(Err.NO_ID, "title_id 必须在 0 到 4 之间", field="title_id")
    return title_id


SCHOOLS = Family(School, "school_id", ("name", "addr", "phone"))
SUBJECTS = Family(Subject, "subject_id", ("subject_name",))
GRADES = Family(Grade, "grade_id", ("grade_type", "grade_name"))
TEACHERS = Family(Teacher, "teacher_id", ("teacher_name", "sex_name", "title_name", "title_id", "detail_info"))


_NAMED = (Param("name", missing=Err.NO_NAME), Param("addr", missing=Err.NO_ADDRESS), Param("phone"))
_SUBJECT = (Param("subject_name", missing=Err.NO_NAME),)
_TEACHER = (
    *(Param(name, missing=Err.NO_NAME) for name in ("teacher_name", "sex_name", "title_name")),
    Param("title_id", Kind.NUMBER, missing=Err.NO_ID),
    Param("detail_info"),
)
_LOOSE_TEACHER = (
    *(Param(name) for name in ("teacher_name", "sex_name", "title_name")),
    Param("title_id", Kind.NUMBER),
    Param("detail_info"),
)


def _list(family: Family, section: str, zh: str, en: str) -> Endpoint:
    title = (f"获取{zh}列表", f"The {en}s")
    return Endpoint(f"list_{en}", family.show, section=section, title=title, rows=family.shown)


def _add(family: Family, section: str, zh: str, en: str, params: tuple[Param, ...]) -> Endpoint:
    return Endpoint(
        f"add_{en}",
        family.add,
        params,
        section=section,
        title=(f"添加{zh}", f"Add a {en}"),
        answers=(family.key,),
    )


def _mod(family: Family, section: str, zh: str, en: str, params: tuple[Param, ...]) -> Endpoint:
    key = Param(family.key, Kind.ID, missing=Err.NO_ID)
    return Endpoint(
        f"mod_{en}",
        family.change,
        (key, *params),
        section=section,
        title=(f"修改{zh}", f"Change a {en}"),
        raises=(Err.NO_ID,) if family is not TEACHERS else (Err.NO_ID, Err.NO_NAME),
    )


def _del(family: Family, section: str, zh: str, en: str) -> Endpoint:
    keys = (Param(family.key, Kind.IDS, missing=Err.NO_ID),)
    return Endpoint(f"del_{en}", family.remove, keys, section=section, title=(f"删除{zh}", f"Delete {en}s"))


ENDPOINTS = (
    _list(SCHOOLS, "3.3", "学校", "school"),
    _add(SCHOOLS, "3.4", "学校", "school", _NAMED),
    _mod(SCHOOLS, "3.5", "学校", "school", _NAMED),
    _del(SCHOOLS, "3.6", "学校", "school"),
    _list(SUBJECTS, "3.7", "科目", "subject"),
    _add(SUBJECTS, "3.8", "科目", "subject", _SUBJECT),
    _mod(SUBJECTS, "3.9", "科目", "subject", _SUBJECT),
    _del(SUBJECTS, "3.10", "科目", "subject"),
    _list(GRADES, "3.11", "年级", "grade"),
    _list(TEACHERS, "3.12", "教师", "teacher"),
    _add(TEACHERS, "3.13", "教师", "teacher", _TEACHER),
    _mod(TEACHERS, "3.14", "教师", "teacher", _LOOSE_TEACHER),
    _del(TEACHERS, "3.15", "教师", "teacher"),
)
