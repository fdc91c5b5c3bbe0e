"""The ledger as a page and as a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from aiohttp import web

from agent.standalone.console.filters import Filter, filter_of, read_choices
from agent.standalone.console.forms import FORM_WORDS, filter_form, pager
from agent.standalone.console.lessons import LessonView, lessons
from agent.standalone.console.pages.ledger.table import to_csv
from agent.standalone.console.site import Page
from agent.standalone.console.spans import Span, total
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html, joined
from agent.web.parts import LessonLine, length, lesson_line, listed, percent
from agent.web.serving import HEADERS
from agent.web.words import Table
from agent.wire.models import SOUND_LOST

PATH = "/console/ledger"
PER_PAGE = 100
BACK_DAYS = 6
AT_ONCE_DAYS = 7

_WORDS: Table = {
    **FORM_WORDS,
    "csv": ("导出 CSV（Excel）", "CSV for Excel"),
    "no_such_lessons": ("没有符合条件的课程。", "There is no such lesson."),
    "counted": ("{count} 节课，{parts}", "{count} lesson{s}: {parts}"),
    "count_whole": ("{count} 节完整", "{count} whole"),
    "count_incomplete": ("{count} 节不完整（共缺 {time}）", "{count} incomplete ({time} missing)"),
    "count_unknown": ("{count} 节结果未知", "{count} not known yet"),
    "count_open": ("{count} 节进行中", "{count} under way"),
    "date": ("日期", "Date"),
    "planned_start": ("计划开始", "Planned from"),
    "planned_end": ("计划结束", "Planned to"),
    "state": ("状态", "State"),
    "coverage_percent": ("完整度（%）", "Coverage (%)"),
    "gap_count": ("缺失次数", "Gaps"),
    "missing_seconds": ("缺失秒数", "Seconds missing"),
    "gap_list": ("缺失明细", "Gaps in full"),
}


@dataclass(frozen=True, slots=True)
class _Found:
    asked: Filter
    lessons: Sequence[LessonView]


async def _read(visit: Visit) -> _Found:
    zone = visit.services.zone
    today = datetime.fromtimestamp(visit.now, zone).date()
    asked = filter_of(visit.request.query, today, BACK_DAYS)
    found: list[LessonView] = []
    last = asked.last
    while last >= asked.first:  # week by week: agents' reports wait for the same database, and may not wait for a year
        first = max(asked.first, last - timedelta(days=AT_ONCE_DAYS - 1))
        wanted = replace(asked.wanted, first=first, last=last)
        found += reversed(await visit.read(lessons, wanted, visit.now, zone))
        last = first - timedelta(days=1)
    found = [lesson for lesson in found if lesson.fate != "coming"]
    if asked.incomplete:
        found = [lesson for lesson in found if lesson.fate in ("incomplete", "unknown")]
    return _Found(asked, found)


async def view(visit: Visit) -> Markup:
    """The page: the newest lessons first."""
    words, found = visit.words, await _read(visit)
    asked = found.asked
    choices = await visit.read(read_choices)
    begin = (asked.page - 1) * PER_PAGE
    shown = found.lessons[begin : begin + PER_PAGE]
    return html(
        asset("ledger.html", __package__),
        form=filter_form(PATH, asked, choices, words),
        counted=_counted(visit, found.lessons),
        csv_address=f"{PATH}/lessons.csv?{asked.address()}",
        csv=words["csv"],
        days=joined(_days(visit, shown)) or listed((), words["no_such_lessons"]),
        pager=pager(PATH, asked, words, more=begin + PER_PAGE < len(found.lessons)),
    )


def _counted(visit: Visit, found: Sequence[LessonView]) -> str:
    words = visit.words
    counts: Counter[str] = Counter(lesson.fate for lesson in found)
    time = length(sum(_missing(lesson) for lesson in found))
    fates = [fate for fate in ("whole", "incomplete", "unknown", "open") if counts[fate]]
    parts = [words.of(f"count_{fate}", count=counts[fate], time=time) for fate in fates]
    return words.of("counted", count=len(found), parts=", ".join(parts))


def _missing(lesson: LessonView) -> float:
    """Seconds of which the picture is known to be missing."""
    return total(Span(gap.since, gap.until) for gap in lesson.gaps if gap.cause != SOUND_LOST)


def _days(visit: Visit, shown: Sequence[LessonView]) -> Iterator[Markup]:
    zone, words = visit.services.zone, visit.words
    for day, of_day in groupby(shown, lambda lesson: datetime.fromtimestamp(lesson.begin, zone).date()):
        yield html(
            '<section><h2>{day} <span class="small">{weekday}</span></h2><ul class="lessons">{lines}</ul></section>',
            day=day.isoformat(),
            weekday=words["weekdays"].split()[day.weekday()],
            lines=joined(ledger_line(visit, lesson) for lesson in of_day),
        )


def ledger_line(visit: Visit, lesson: LessonView) -> Markup:
    """A lesson with its losses, and a link to what was recorded of it."""
    line = LessonLine(
        begin=lesson.begin,
        end=lesson.end,
        title=lesson.title,
        camera=lesson.camera,
        teacher=lesson.teacher,
        kind=lesson.kind,
        coverage=lesson.coverage,
        gaps=lesson.gaps,
        is_over_drawn=lesson.state in ("on", "done", "closing"),
        address=f"/console/recordings?show={lesson.camera_id}-{lesson.slice_id}" if lesson.slice_id else "",
    )
    return lesson_line(line, visit.now, visit.words, visit.clock)


async def as_csv(visit: Visit) -> web.StreamResponse:
    """The same lessons as a file, all of them."""
    found = await _read(visit)
    name = f"lessons-{found.asked.first.isoformat()}-{found.asked.last.isoformat()}.csv"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    words = visit.words
    head = [
        *(words[key] for key in ("date", "planned_start", "planned_end", "gather", "room", "subject", "teacher")),
        *(words[key] for key in ("state", "coverage_percent", "gap_count", "missing_seconds", "gap_list")),
    ]
    body = to_csv(head, (_row(visit, lesson) for lesson in found.lessons))
    return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)


def _row(visit: Visit, lesson: LessonView) -> Sequence[str | int | float]:
    words = visit.words
    gaps = [
        f"{visit.clock(gap.since)}–{visit.clock(gap.until)} {gap.until - gap.since:.1f} {words['seconds']} "
        f"{words.cause(gap.cause)}"
        for gap in lesson.gaps
    ]
    return (
        visit.services.local(lesson.begin).date().isoformat(),
        visit.clock(lesson.begin),
        "" if lesson.end is None else visit.clock(lesson.end),
        lesson.gather,
        lesson.camera,
        lesson.title or words["by_hand"],
        lesson.teacher,
        words[f"state_{lesson.kind}"],
        "" if lesson.coverage is None else percent(lesson.coverage).removesuffix(" %"),
        len(lesson.gaps),
        round(_missing(lesson), 1),
        "; ".join(gaps),
    )


PAGE = Page(
    PATH,
    ("课程台账", "Lessons"),
    view,
    words=_WORDS,
    data={"lessons.csv": as_csv},
    room=__package__,
)
