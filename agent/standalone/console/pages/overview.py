"""The overview: channels with their pictures, today's lessons with their losses, the latest recordings."""

from __future__ import annotations

from collections.abc import Iterable

from agent.standalone.clocktime import length_text
from agent.standalone.console.pages.overview_view import AlarmLine, ChannelView, Dashboard, LessonView, RecordView
from agent.standalone.console.pages.overview_view import dashboard as read_dashboard
from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup, asset, html, joined
from agent.web.parts import LessonLine, lesson_line, listed, picture
from agent.web.words import Table

_WORDS: Table = {
    "records": ("最近录像", "Recent recordings"),
    "no_records": ("还没有录像。", "There is no recording yet."),
    "slice": ("片段", "part"),
    "repaired": ("断电或崩溃后修复", "repaired after a crash"),
}


async def view(visit: Visit) -> Markup:
    """The page."""
    found = await visit.read(read_dashboard, visit.now, visit.services.zone)
    return _Rendered(visit).markup(found)


async def beside(visit: Visit) -> Markup:
    """Where recordings and live pictures play."""
    words = visit.words
    return html(
        asset("overview_players.html", __package__),
        close=words["close"],
        watch=words["watch"],
        download=words["download"],
    )


class _Rendered:
    def __init__(self, visit: Visit) -> None:
        self._visit, self._services, self._words = visit, visit.services, visit.words

    def markup(self, found: Dashboard) -> Markup:
        words = self._words
        return html(
            asset("overview.html", __package__),
            as_of=words["as_of"],
            now=self._services.stamp(found.now),
            zone=self._services.zone.key,
            channels_title=words["channels"],
            channels=self._list(map(self._channel, found.channels), "no_channels"),
            lessons_title=words["lessons"],
            lessons=self._list((self._lesson(lesson, found.now) for lesson in found.lessons), "no_lessons"),
            records_title=words["records"],
            records=self._list(map(self._record, found.records), "no_records"),
        )

    def _list(self, items: Iterable[Markup], empty: str) -> Markup:
        return listed(items, self._words[empty])

    def _alarm(self, alarm: AlarmLine) -> str:
        words = self._words
        return f"{words.alarm(alarm.kind)} · {words['since']} {self._visit.clock(alarm.since)}"

    def _channel(self, channel: ChannelView) -> Markup:
        words = self._words
        on = ", ".join(title or words["by_hand"] for title in channel.recording)
        trouble = " — ".join(filter(None, (words.cause(channel.cause) if channel.cause else "", channel.detail)))
        return html(
            asset("channel.html"),
            picture=self._watch(channel),
            name=channel.name,
            gather=channel.gather,
            kind=channel.state,
            state=words[channel.state],
            recording_kind="on" if on else "idle",
            recording=f"{words['recording']}: {on}" if on else words["idle"],
            trouble=joined(
                html('<span class="line">{text}</span>', text=text)
                for text in (*filter(None, (trouble,)), *map(self._alarm, channel.alarms))
            ),
            media=channel.media,
            taken=f"{words['picture_of']} {self._visit.clock(channel.taken)}" if channel.taken else "",
        )

    def _watch(self, channel: ChannelView) -> Markup:
        """The channel's picture, as a link to the live one."""
        ticket = self._services.keys.admission("camera", channel.camera_id)
        return html(
            '<a class="watch" href="{href}" data-caption="{name}" aria-label="{label}">'
            "{picture}<span>{live}</span></a>",
            href=f"/play/camera/{ticket}",
            name=channel.name,
            label=f"{self._words['watch']}: {channel.name}",
            picture=picture(channel.picture, channel.name, self._words),
            live=f"▶ {self._words['watch']}",
        )

    def _lesson(self, lesson: LessonView, now: float) -> Markup:
        line = LessonLine(
            begin=lesson.begin,
            end=lesson.end,
            title=lesson.title,
            camera=lesson.camera,
            teacher=lesson.teacher,
            kind=lesson.state,
            coverage=lesson.coverage,
            gaps=lesson.gaps,
            is_over_drawn=lesson.state in ("on", "done", "closing"),
        )
        return lesson_line(line, now, self._words, self._visit.clock)

    def _record(self, record: RecordView) -> Markup:
        words = self._words
        image = html('<img src="{src}" alt="" loading="lazy">', src=record.picture) if record.picture else Markup()
        notes = [f"{words['slice']} {record.slice_inx}", f"{record.size / 1e6:.1f} MB"]
        if record.repaired:
            notes.append(words["repaired"])
        started = self._services.stamp(record.started)
        title = record.title or words["by_hand"]
        return html(
            asset("record.html", __package__),
            file=record.file,
            label=f"{words['play']}: {title} {started}",
            caption=f"{title} · {record.camera} · {started}",
            picture=image,
            length=length_text(record.duration),
            title=title,
            camera=record.camera,
            started=started,
            notes=" · ".join(notes),
        )


PAGE = Page("/", ("总览", "Overview"), view, words=_WORDS, beside=beside, refreshes=True)
