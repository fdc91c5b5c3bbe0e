"""The ledger as a page and as a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from aiohttp import web

from agent.standalone.console.filters import Filter, filter_of, read_choices
from agent.standalone.console.forms import FORM_WORDS, filter_form, pager
from agent.standalone.console.lessons import Fate, LessonView, Wanted, lessons
from agent.standalone.console.pages.ledger.table import to_csv
from agent.standalone.console.site import Page
from agent.standalone.console.tallies import Tally, known_tallies, missing_sec, setting, tally, weeks
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html, joined
from agent.web.parts import LessonLine, length, lesson_line, listed, percent
from agent.web.serving import HEADERS
from agent.web.words import Table

PATH = "/console/ledger"
PER_PAGE = 100
BACK_DAYS = 6

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


async def _read(visit: Visit, pieces: Iterable[Wanted], shown: Collection[Fate]) -> list[LessonView]:
    """The lessons of these weeks, the newest first. Week by week: agents' reports wait for the same database, and may
    not wait for a year.
    """
    found: list[LessonView] = []
    for piece in pieces:
        found += reversed(await visit.read(lessons, piece, visit.now, visit.services.zone))
    return [lesson for lesson in found if lesson.fate in shown]


def _asked(visit: Visit) -> Filter:
    today = datetime.fromtimestamp(visit.now, visit.services.zone).date()
    return filter_of(visit.request.query, today, BACK_DAYS)


async def _tallies(visit: Visit, asked: Filter) -> dict[Wanted, Tally]:
    zone, pieces = visit.services.zone, list(weeks(asked.wanted))
    under = await visit.read(setting, asked.wanted)
    found = await visit.read(known_tallies, pieces, under, zone)
    for piece in pieces:
        if piece not in found:
            found[piece] = await visit.read(tally, piece, under, visit.now, zone)
    return {piece: found[piece] for piece in pieces}


async def view(visit: Visit) -> Markup:
    """The page: the newest lessons first. All are counted, and read are the weeks of those that are shown."""
    words, asked = visit.words, _asked(visit)
    shown = _shown(asked)
    choices = await visit.read(read_choices)
    begin = (asked.page - 1) * PER_PAGE
    pieces: list[Wanted] = []
    before = number = 0
    tallies = await _tallies(visit, asked)
    for piece, of_piece in tallies.items():
        count = of_piece.number(shown)
        if number < begin + PER_PAGE and number + count > begin:
            before = before if pieces else number
            pieces.append(piece)
        number += count
    lines = (await _read(visit, pieces, shown))[begin - before :][:PER_PAGE]
    return html(
        asset("ledger.html", __package__),
        form=filter_form(PATH, asked, choices, words),
        counted=_counted(visit, sum(tallies.values(), Tally(Counter())), shown),
        csv_address=f"{PATH}/lessons.csv?{asked.address()}",
        csv=words["csv"],
        days=joined(_days(visit, lines)) or listed((), words["no_such_lessons"]),
        pager=pager(PATH, asked, words, more=begin + PER_PAGE < number),
    )


def _shown(asked: Filter) -> Collection[Fate]:
    return ("incomplete", "unknown") if asked.incomplete else ("whole", "incomplete", "unknown", "open")


def _counted(visit: Visit, found: Tally, shown: Collection[Fate]) -> str:
    words, time = visit.words, length(found.missing)
    parts = [words.of(f"count_{fate}", count=found.counts[fate], time=time) for fate in shown if found.counts[fate]]
    return words.of("counted", count=found.number(shown), parts=", ".join(parts))


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
    asked = _asked(visit)
    found = await _read(visit, weeks(asked.wanted), _shown(asked))
    name = f"lessons-{asked.first.isoformat()}-{asked.last.isoformat()}.csv"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    words = visit.words
    head = [
        *(words[key] for key in ("date", "planned_start", "planned_end", "gather", "room", "subject", "teacher")),
        *(words[key] for key in ("state", "coverage_percent", "gap_count", "missing_seconds", "gap_list")),
    ]
    body = to_csv(head, (_row(visit, lesson) for lesson in found))
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
        round(missing_sec(lesson.gaps), 1),
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
