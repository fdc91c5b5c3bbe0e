"""The day as bars: HTML and SVG in which lengths are shares of the width, so that no text is stretched."""

from __future__ import annotations

from datetime import date, timedelta

from agent.standalone.console.forms import FORM_WORDS, gather_choice
from agent.standalone.console.gathers import read_gathers
from agent.standalone.console.pages.day.parts import Part, coverage, hours
from agent.standalone.console.pages.day.view import DayView, DrawnChannel, DrawnLesson, day_of, read_day
from agent.standalone.console.site import Page
from agent.standalone.console.spans import Span
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html, joined
from agent.web.parts import answer_panel, percent, span
from agent.web.words import Table, Words

LEAD_SEC = 5
"""A click on what is missing plays from so long before it."""
BAR_TOP, BAR_HEIGHT = 22, 22
"""Pixels: the names of the lessons stand above the bar."""
MISSING_RIM = 3
"""What is missing stands out of the bar by so much, for those who do not see red from green."""

WORDS: Table = {
    **FORM_WORDS,
    "all_recorded": ("{count} 节课全部录下，无缺失。", "{count} lesson{s} recorded whole: nothing is missing."),
    "so_far": (
        "到目前为止没有缺失（{count} 节课，其中 {on} 节正在录制）。",
        "Nothing is missing so far: {count} lesson{s}, {on} of them still on.",
    ),
    "some_missing": (
        "{count} 节课中有 {bad} 节不完整，共缺 {time}。",
        "{bad} of {count} lesson{s} incomplete, {time} missing in all.",
    ),
    "some_unknown": (
        "{count} 节课结果未知：采集端离线。",
        "{count} lesson{s} not known yet: the recorder is offline.",
    ),
    "nothing_due": ("还没有需要录制的课程。", "Nothing has been due."),
    "was_all_recorded": ("都录上了吗？", "Was everything recorded?"),
    "recorded": ("已录", "recorded"),
    "missing": ("缺失", "missing"),
    "not_known": ("未知", "not known"),
    "coming": ("未开始", "to come"),
    "day_before": ("前一天", "The day before"),
    "day_after": ("后一天", "The day after"),
    "day": ("日期", "Day"),
    "now": ("现在", "now"),
    "no_lesson": ("无课程", "no lesson"),
}


async def view(visit: Visit) -> Markup:
    """The page."""
    zone = visit.services.zone
    day = day_of(visit.text("day"), visit.now, zone)
    gather_id = visit.number("gather_id")
    found = await visit.read(read_day, day, gather_id, visit.now, zone)
    gathers = await visit.read(read_gathers, visit.now)
    return _Drawing(visit, found).markup(gather_choice(gathers, gather_id, visit.words))


def verdict(found: DayView, words: Words) -> Markup:
    """Was everything recorded? In one sentence."""
    drawn = [lesson for channel in found.channels for lesson in channel.lessons]
    due = [one for one in drawn if any(part.kind in ("recorded", "missing") for part in one.parts)]
    bad = [one for one in due if any(part.kind == "missing" for part in one.parts)]
    on = [one for one in due if one.lesson.state == "on"]
    unknown = [one for one in drawn if any(part.kind == "unknown" for part in one.parts)]
    reasons = [words.of("some_unknown", count=len(unknown))] if unknown else []
    if bad:
        text = words.of("some_missing", count=len(due), bad=len(bad), time=span(found.missing_sec, words))
        return answer_panel("bad", text, question=words["was_all_recorded"], reasons=reasons)
    if due:
        text = words.of("so_far" if on else "all_recorded", count=len(due), on=len(on))
        return answer_panel("warn" if unknown else "good", text, question=words["was_all_recorded"], reasons=reasons)
    return answer_panel("warn" if unknown else "calm", words["nothing_due"], reasons=reasons)


async def beside(visit: Visit) -> Markup:
    """What a piece of a bar says when it is pointed at."""
    return Markup('<p id="tip" role="status" hidden></p><div id="hair" aria-hidden="true" hidden></div>')


class _Drawing:
    def __init__(self, visit: Visit, found: DayView) -> None:
        self._visit, self._words, self._found = visit, visit.words, found

    def markup(self, choice: Markup) -> Markup:
        words, found = self._words, self._found
        weekday = words["weekdays"].split()[found.day.weekday()]
        return html(
            asset("day.html", __package__),
            before=self._link(found.day - timedelta(days=1), "day_before", "‹"),
            after=self._link(found.day + timedelta(days=1), "day_after", "›"),
            today=html('<a class="button" href="/console/day">{text}</a>', text=words["today"]),
            day_word=words["day"],
            day=found.day.isoformat(),
            weekday=weekday,
            choice=choice,
            show=words["show"],
            answer=verdict(found, words),
            axis=self._axis(),
            since=int(found.drawn.since),
            length=int(found.drawn.length),
            offset=self._offset(),
            rows=joined(map(self._row, found.channels)),
            none=Markup() if found.channels else html('<p class="empty">{text}</p>', text=words["no_channels"]),
            legend=joined(
                html('<span class="key {kind}">{text}</span>', kind=kind, text=words[word])
                for kind, word in (
                    ("recorded", "recorded"),
                    ("missing", "missing"),
                    ("unknown", "not_known"),
                    ("coming", "coming"),
                )
            ),
        )

    def _offset(self) -> int:
        """Seconds that the clock on the wall is ahead of UTC, where the bars begin."""
        ahead = self._visit.services.local(self._found.drawn.since).utcoffset()
        return int(ahead.total_seconds()) if ahead else 0

    def _link(self, day: date, word: str, sign: str) -> Markup:
        address = str(self._visit.request.rel_url.without_query_params("part").update_query(day=day.isoformat()))
        return html(
            '<a class="button" href="{address}" aria-label="{label}">{sign}</a>',
            address=address,
            label=self._words[word],
            sign=sign,
        )

    def _axis(self) -> Markup:
        marks = hours(self._found.drawn)
        labels = joined(
            html(
                '<text x="{x}" y="14" text-anchor="{anchor}">{text}</text>',
                x=self._x(mark),
                anchor="start" if mark == marks[0] else "end" if mark >= self._found.drawn.until else "middle",
                text=self._visit.clock(mark)[:5],
            )
            for mark in marks
        )
        return html('<svg class="dayaxis" width="100%" height="18" aria-hidden="true">{labels}</svg>', labels=labels)

    def _row(self, channel: DrawnChannel) -> Markup:
        words = self._words
        lines = joined(
            html('<line class="hour" x1="{x}" x2="{x}" y1="0" y2="100%"/>', x=self._x(mark))
            for mark in hours(self._found.drawn)[1:-1]
        )
        now = html('<line class="now" x1="{x}" x2="{x}" y1="0" y2="100%"/>', x=self._x(self._found.now))
        figure = percent(channel.coverage) if channel.coverage is not None else "–"
        kind = "calm" if channel.coverage is None else "bad" if channel.coverage < 1 else "good"
        if channel.coverage == 1 and channel.unknown_sec:
            kind = "warn"
        return html(
            asset("row.html", __package__),
            name=channel.name,
            gather=channel.gather,
            kind=kind,
            figure=figure if channel.lessons else words["no_lesson"],
            figure_word=words["coverage"],
            lines=lines,
            lessons=joined(map(self._lesson, channel.lessons)),
            now=now if self._found.is_today else Markup(),
        )

    def _lesson(self, drawn: DrawnLesson) -> Markup:
        lesson, words = drawn.lesson, self._words
        begin, end = drawn.parts[0].since if drawn.parts else lesson.begin, self._end(drawn)
        title = lesson.title or words["by_hand"]
        share = coverage(drawn.parts)
        times = f"{self._visit.clock(lesson.begin)[:5]} – {self._visit.clock(end)[:5]}"
        facts = [times, title, lesson.teacher, words[f"state_{lesson.kind}"]]
        if share is not None:
            facts.append(f"{words['coverage']} {percent(share)}")
        head = html(
            '<svg class="title" x="{x}" width="{width}" height="{height}"><text x="2" y="14">{title}</text></svg>',
            x=self._x(begin),
            width=self._width(Span(begin, end)),
            height=BAR_TOP,
            title=title,
        )
        address = f"/console/recordings?show={lesson.camera_id}-{lesson.slice_id}" if lesson.slice_id else ""
        body = joined(
            self._part(part, title, address) for part in sorted(drawn.parts, key=lambda part: part.kind == "missing")
        )
        label = " · ".join(filter(None, facts))
        frame = html(
            '<rect class="frame" x="{x}" y="{y}" width="{width}" height="{height}"/>',
            x=self._x(begin),
            y=BAR_TOP,
            width=self._width(Span(begin, end)),
            height=BAR_HEIGHT,
        )
        if address:
            return html(
                '<a class="piece" href="{address}" aria-label="{label}" data-tip="{label}">{head}{frame}</a>{body}',
                address=address,
                label=label,
                head=head,
                frame=frame,
                body=body,
            )
        return html(
            '<g class="piece" tabindex="0" role="img" aria-label="{label}" data-tip="{label}">{head}{frame}</g>{body}',
            label=label,
            head=head,
            frame=frame,
            body=body,
        )

    def _end(self, drawn: DrawnLesson) -> float:
        if drawn.lesson.end is not None:
            return drawn.lesson.end
        return drawn.parts[-1].until if drawn.parts else drawn.lesson.begin

    def _part(self, part: Part, title: str, address: str) -> Markup:
        rim = MISSING_RIM if part.kind == "missing" else 0
        rect = html(
            '<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"/>',
            kind=part.kind,
            x=self._x(part.since),
            y=BAR_TOP - rim,
            width=self._width(part.span),
            height=BAR_HEIGHT + 2 * rim,
        )
        if part.kind not in ("missing", "unknown"):
            return rect
        words = self._words
        times = f"{self._visit.clock(part.since)} – {self._visit.clock(part.until)}"
        cause = words.cause(part.cause)
        label = " · ".join((title, times, span(part.until - part.since, words), cause))
        tag = html('a href="{address}&amp;at={at}"', address=address, at=int(part.since) - LEAD_SEC)
        return html(
            '<{tag} class="piece hole"{role} aria-label="{word}: {label}" data-tip="{label}">{rect}</{end}>',
            tag=tag if address else "g",
            role="" if address else Markup(' tabindex="0" role="img"'),
            end="a" if address else "g",
            word=words["missing" if part.kind == "missing" else "not_known"],
            label=label,
            rect=rect,
        )

    def _x(self, unix: float) -> str:
        drawn = self._found.drawn
        return f"{100 * (unix - drawn.since) / drawn.length:.3f}%"

    def _width(self, span: Span) -> str:
        return f"{100 * span.length / self._found.drawn.length:.3f}%"


PAGE = Page(
    "/console/day",
    ("时间轴", "Timeline"),
    view,
    words=WORDS,
    beside=beside,
    refreshes=True,
    script="day.js",
    style="day.css",
    room=__package__,
)
