"""The view as HTML."""

from __future__ import annotations

from collections.abc import Iterable

from agent.standalone.clocktime import length_text
from agent.standalone.console.view import AlarmLine, ChannelView, Dashboard, LessonView, RecordView
from agent.standalone.console.words import Words
from agent.standalone.services import Services
from agent.web.markup import Markup, asset, html, joined
from agent.web.parts import LessonLine, lesson_line, listed, page, picture


class Renderer:
    """Renders in one language, with times in the server's zone."""

    def __init__(self, services: Services, words: Words) -> None:
        self._services = services
        self._words = words

    def sign_in(self, message: str = "") -> Markup:
        """The page that asks for the credential."""
        words = self._words
        return self._page(
            html(
                asset("sign_in.html", __package__),
                title=self._services.settings.name,
                credential=words["credential"],
                hint=words["credential_hint"],
                sign_in=words["sign_in"],
                message=html('<p class="wrong" role="alert">{text}</p>', text=message) if message else Markup(),
                other=words.other,
                other_language=words["other_language"],
            )
        )

    def home(self, view: Dashboard, form_token: str, base_url: str) -> Markup:
        """The page."""
        words, keys = self._words, self._services.keys
        return self._page(
            html(
                asset("home.html", __package__),
                title=self._services.settings.name,
                live=self.live(view),
                form_token=form_token,
                sign_out=words["sign_out"],
                other=words.other,
                other_language=words["other_language"],
                disconnected=words["disconnected"],
                close=words["close"],
                watch=words["watch"],
                download=words["download"],
                for_programs=words["for_programs"],
                credential=words["credential"],
                credential_value=keys.credential,
                enrol_key=words["enrol_key"],
                enrol_value=keys.enrol_key,
                api_url=f"{base_url}/api/v1/",
            )
        )

    def live(self, view: Dashboard) -> Markup:
        """The part that is brought up to date every few seconds."""
        words = self._words
        return html(
            asset("live.html", __package__),
            as_of=words["as_of"],
            now=self._services.stamp(view.now),
            zone=self._services.zone.key,
            channels_title=words["channels"],
            channels=self._list(map(self._channel, view.channels), "no_channels"),
            lessons_title=words["lessons"],
            lessons=self._list((self._lesson(lesson, view.now) for lesson in view.lessons), "no_lessons"),
            records_title=words["records"],
            records=self._list(map(self._record, view.records), "no_records"),
        )

    def _page(self, body: Markup) -> Markup:
        return page(self._services.settings.name, self._words, body)

    def _list(self, items: Iterable[Markup], empty: str) -> Markup:
        return listed(items, self._words[empty])

    def _alarm(self, alarm: AlarmLine) -> str:
        words = self._words
        return f"{words.alarm(alarm.kind)} · {words['since']} {self._clock(alarm.since)}"

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
            taken=f"{words['picture_of']} {self._clock(channel.taken)}" if channel.taken else "",
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
        return lesson_line(line, now, self._words, self._clock)

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

    def _clock(self, unix: float) -> str:
        return self._services.local(unix).strftime("%H:%M:%S")
