"""Which lessons and recordings a page shows, as its address says; and the choices that a form offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.standalone.console.lessons import Wanted, names
from agent.standalone.store.schema import Camera, Gather, Subject, Teacher

MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Filter:
    """What an address asks for: days from `first` to `last`, ids (0 selects nothing), only what misses something, and
    the page, from 1.
    """

    first: date
    last: date
    gather_id: int = 0
    camera_id: int = 0
    subject_id: int = 0
    teacher_id: int = 0
    incomplete: bool = False
    page: int = 1

    @property
    def wanted(self) -> Wanted:
        """The lessons."""
        return Wanted(self.first, self.last, self.gather_id, self.camera_id, self.subject_id, self.teacher_id)

    def address(self, page: int = 1) -> str:
        """The query of an address that asks for the same, on another page."""
        asked = asdict(replace(self, page=page, incomplete=False))
        fields = {name: str(value) for name, value in asked.items() if value}
        return urlencode(fields | ({"incomplete": "1"} if self.incomplete else {}))


def filter_of(query: Mapping[str, str], today: date, back_days: int) -> Filter:
    """What a query says; what it does not say, or wrongly, is open, and the days are the last ones until today."""
    last = _day(query.get("last", ""), today)
    first = _day(query.get("first", ""), min(last, today) - timedelta(days=back_days))
    first, last = min(first, last), max(first, last)
    return Filter(
        first=max(first, last - timedelta(days=MOST_DAYS - 1)),
        last=last,
        incomplete=query.get("incomplete") == "1",
        page=max(1, _number(query.get("page", ""))),
        **{name: _number(query.get(name, "")) for name in ("gather_id", "camera_id", "subject_id", "teacher_id")},
    )


def _day(text: str, otherwise: date) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return otherwise


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


Choice = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be asked for, by id and name."""

    gathers: tuple[Choice, ...]
    cameras: tuple[Choice, ...]
    subjects: tuple[Choice, ...]
    teachers: tuple[Choice, ...]


def read_choices(session: Session) -> Choices:
    """The choices of today's database."""
    gathers = session.execute(select(Gather.gather_id, Gather.name_set, Gather.name_pc).order_by(Gather.gather_id))
    return Choices(
        gathers=tuple((gather_id, name or pc) for gather_id, name, pc in gathers),
        cameras=_sorted(names(session, Camera.camera_id, Camera.camera_name)),
        subjects=_sorted(names(session, Subject.subject_id, Subject.subject_name)),
        teachers=_sorted(names(session, Teacher.teacher_id, Teacher.teacher_name)),
    )


def _sorted(found: dict[int, str]) -> tuple[Choice, ...]:
    return tuple(sorted(found.items()))
