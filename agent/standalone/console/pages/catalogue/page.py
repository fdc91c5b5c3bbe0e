"""Schools, subjects and teachers, to be changed where they stand; grades, which are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.console.fields import hidden
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.standalone.store.schema import Grade, School, Subject, Teacher
from agent.web.markup import Markup, asset, html, joined
from agent.web.words import Table

_WORDS: Table = {
    "schools": ("学校", "Schools"),
    "subjects": ("科目", "Subjects"),
    "teachers": ("教师", "Teachers"),
    "grades": ("年级", "Grades"),
    "grades_hint": (
        "年级由系统提供，添加通道时选择。",
        "Grades are given; a channel is of one of them.",
    ),
    "name": ("名称", "Name"),
    "addr": ("地址", "Address"),
    "phone": ("电话", "Telephone"),
    "subject_name": ("科目", "Subject"),
    "teacher_name": ("姓名", "Name"),
    "sex_name": ("性别", "Sex"),
    "title_name": ("职称", "Title"),
    "title_id": ("职级", "Rank"),
    "detail_info": ("简介", "About"),
    "sure_delete": ("确定删除“{name}”吗？", "Delete “{name}”?"),
    "rank_0": ("正高级", "senior professor"),
    "rank_1": ("高级", "senior"),
    "rank_2": ("一级", "first grade"),
    "rank_3": ("二级", "second grade"),
    "rank_4": ("三级", "third grade"),
    "new": ("新增", "New"),
}


@dataclass(frozen=True, slots=True)
class _Family:
    """A kind of entries: endpoint's name, columns that are typed, the one that names an entry."""

    name: str
    table: type[School] | type[Subject] | type[Teacher]
    columns: tuple[str, ...]
    title: str
    needed: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"{self.name}_id"

    @property
    def called(self) -> str:
        return self.columns[0]


_FAMILIES = (
    _Family("school", School, ("name", "addr", "phone"), "schools", ("name", "addr")),
    _Family("subject", Subject, ("subject_name",), "subjects", ("subject_name",)),
    _Family(
        "teacher",
        Teacher,
        ("teacher_name", "sex_name", "title_name", "title_id", "detail_info"),
        "teachers",
        ("teacher_name", "sex_name", "title_name"),
    ),
)


def _read(session: Session) -> tuple[dict[str, Sequence[Any]], Sequence[Grade]]:
    rows = {
        family.name: session.scalars(select(family.table).order_by(getattr(family.table, family.key))).all()
        for family in _FAMILIES
    }
    return rows, session.scalars(select(Grade).order_by(Grade.grade_id)).all()


async def view(visit: Visit) -> Markup:
    """The page."""
    rows, grades = await visit.read(_read)
    families = joined(_family(visit, family, rows[family.name]) for family in _FAMILIES)
    return html(
        asset("catalogue.html", __package__),
        families=families,
        grades_title=visit.words["grades"],
        grades_hint=visit.words["grades_hint"],
        grades=_grades(grades),
    )


def _family(visit: Visit, family: _Family, rows: Iterable[Any]) -> Markup:
    entries = [_entry(visit, family, row) for row in rows]
    if visit.is_administrator:
        entries.append(_new(visit, family))
    return html(
        '<section class="panel"><h2>{title}</h2><ul class="entries {name}">{entries}</ul></section>',
        title=visit.words[family.title],
        name=family.name,
        entries=joined(entries),
    )


def _entry(visit: Visit, family: _Family, row: Any) -> Markup:
    if not visit.is_administrator:
        said = [str(getattr(row, column)) for column in family.columns if column != "title_id"]
        return html("<li>{text}</li>", text=" · ".join(filter(None, said)))
    key, name = getattr(row, family.key), getattr(row, family.called)
    return html(
        asset("catalogue_entry.html", __package__),
        change=f"mod_{family.name}",
        id=hidden(**{family.key: key}),
        inputs=_inputs(visit, family, {column: getattr(row, column) for column in family.columns}),
        save=visit.words["save"],
        remove=f"del_{family.name}",
        sure=visit.words["sure_delete"].format(name=name),
        delete=visit.words["delete"],
        about=name,
    )


def _new(visit: Visit, family: _Family) -> Markup:
    return html(
        '<li class="entry new"><form method="post" data-do="add_{name}" aria-label="{label}">{inputs}'
        '<button class="strong">{add}</button></form></li>',
        name=family.name,
        label=f"{visit.words['new']}: {visit.words[family.title]}",
        inputs=_inputs(visit, family, {"title_id": 4}),
        add=visit.words["add"],
    )


def _inputs(visit: Visit, family: _Family, values: Mapping[str, object]) -> Markup:
    return joined(_input(visit, family, column, values.get(column, "")) for column in family.columns)


def _input(visit: Visit, family: _Family, column: str, value: object) -> Markup:
    words = visit.words
    if column == "title_id":
        options = joined(
            html(
                '<option value="{rank}"{chosen}>{text}</option>',
                rank=rank,
                chosen=Markup(" selected") if rank == value else Markup(),
                text=words[f"rank_{rank}"],
            )
            for rank in range(5)
        )
        return html(
            '<select name="title_id" aria-label="{label}">{options}</select>', label=words[column], options=options
        )
    return html(
        '<label><span class="label">{label}</span><input name="{name}" value="{value}" placeholder="{label}"></label>',
        name=column,
        label=words[column] + (" *" if column in family.needed else ""),
        value=value,
    )


def _grades(grades: Iterable[Grade]) -> Markup:
    by_type: dict[str, list[str]] = {}
    for grade in grades:
        by_type.setdefault(grade.grade_type, []).append(grade.grade_name)
    return joined(
        html("<dt>{type}</dt><dd>{names}</dd>", type=kind, names="、".join(names)) for kind, names in by_type.items()
    )


PAGE = Page("/console/catalogue", ("基础数据", "Catalogue"), view, words=_WORDS)
