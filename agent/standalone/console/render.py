"""The view as HTML."""

from __future__ import annotations

from collections.abc import Iterable

from agent.standalone.clocktime import length_text
from agent.standalone.console.markup import Markup, asset, html, joined
from agent.standalone.console.view import ChannelView, Dashboard, GapView, LessonView, RecordView
from agent.standalone.console.words import Words
from agent.standalone.services import Services

SHOWN_GAPS = 4


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
                asset("sign_in.html"),
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
                asset("home.html"),
                title=self._services.settings.name,
                live=self.live(view),
                form_token=form_token,
                sign_out=words["sign_out"],
                other=words.other,
                other_language=words["other_language"],
                disconnected=words["disconnected"],
                close=words["close"],
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
            asset("live.html"),
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
        return html(asset("page.html"), lang=self._words.tag, title=self._services.settings.name, body=body)

    def _list(self, items: Iterable[Markup], empty: str) -> Markup:
        return joined(items) or html('<li class="empty">{text}</li>', text=self._words[empty])

    def _channel(self, channel: ChannelView) -> Markup:
        words = self._words
        picture = (
            html('<img src="{src}" alt="{alt}" loading="lazy">', src=channel.picture, alt=channel.name)
            if channel.picture
            else html("<span>{text}</span>", text=words["no_picture"])
        )
        on = ", ".join(title or words["by_hand"] for title in channel.recording)
        trouble = " — ".join(filter(None, (words.cause(channel.cause) if channel.cause else "", channel.detail)))
        return html(
            asset("channel.html"),
            picture=picture,
            name=channel.name,
            gather=channel.gather,
            kind=channel.state,
            state=words[channel.state],
            recording_kind="on" if on else "idle",
            recording=f"{words['recording']}: {on}" if on else words["idle"],
            trouble=trouble,
            media=channel.media,
            taken=f"{words['picture_of']} {self._clock(channel.taken)}" if channel.taken else "",
        )

    def _lesson(self, lesson: LessonView, now: float) -> Markup:
        words = self._words
        end = "" if lesson.end is None else self._clock(lesson.end)[:5]
        return html(
            asset("lesson.html"),
            begin=self._clock(lesson.begin)[:5],
            end=end,
            title=lesson.title or words["by_hand"],
            camera=lesson.camera,
            teacher=lesson.teacher,
            kind=lesson.state,
            state=words[f"state_{lesson.state}"],
            coverage="" if lesson.coverage is None else f"{words['coverage']} {percent(lesson.coverage)}",
            bar=_bar(lesson, now),
            gaps=self._gaps(lesson),
        )

    def _gaps(self, lesson: LessonView) -> Markup:
        words = self._words
        if not lesson.gaps:
            whole = lesson.state == "done" and lesson.coverage is not None and lesson.coverage >= 1
            return html('<p class="whole">{text}</p>', text=words["complete"]) if whole else Markup()
        shown = sorted(
            sorted(lesson.gaps, key=lambda gap: gap.since - gap.until)[:SHOWN_GAPS], key=lambda gap: gap.since
        )
        rest = sum(gap.until - gap.since for gap in lesson.gaps) - sum(gap.until - gap.since for gap in shown)
        items = [html("<li>{text}</li>", text=self._gap(gap)) for gap in shown]
        if len(lesson.gaps) > len(shown):
            text = f"{words['more_gaps']}: {len(lesson.gaps) - len(shown)} × , {rest:.1f} {words['seconds']}"
            items.append(html("<li>{text}</li>", text=text))
        return html('<ul class="gaps" aria-label="{label}">{items}</ul>', label=words["gaps"], items=joined(items))

    def _gap(self, gap: GapView) -> str:
        words = self._words
        length = f"{max(gap.until - gap.since, 0):.1f} {words['seconds']}"
        return f"{self._clock(gap.since)} – {self._clock(gap.until)} · {length} · {words.cause(gap.cause)}"

    def _record(self, record: RecordView) -> Markup:
        words = self._words
        picture = html('<img src="{src}" alt="" loading="lazy">', src=record.picture) if record.picture else Markup()
        notes = [f"{words['slice']} {record.slice_inx}", f"{record.size / 1e6:.1f} MB"]
        if record.repaired:
            notes.append(words["repaired"])
        started = self._services.stamp(record.started)
        title = record.title or words["by_hand"]
        return html(
            asset("record.html"),
            file=record.file,
            label=f"{words['play']}: {title} {started}",
            caption=f"{title} · {record.camera} · {started}",
            picture=picture,
            length=length_text(record.duration),
            title=title,
            camera=record.camera,
            started=started,
            notes=" · ".join(notes),
        )

    def _clock(self, unix: float) -> str:
        return self._services.local(unix).strftime("%H:%M:%S")


def percent(share: float) -> str:
    """A share as people read it; never 100 % while something is missing."""
    tenths = 1000 if share >= 1 else min(int(share * 1000), 999)
    return f"{tenths / 10:.1f} %"


def _bar(lesson: LessonView, now: float) -> Markup:
    """The lesson as a bar: what is over, and in it what is missing."""
    if lesson.end is None or lesson.end <= lesson.begin:
        return Markup()
    length = lesson.end - lesson.begin

    def place(unix: float) -> float:
        return 1000 * min(max((unix - lesson.begin) / length, 0.0), 1.0)

    over = place(now) if lesson.state in ("on", "done", "closing") else 0.0
    missing = joined(
        html(
            '<rect class="missing" x="{x:.1f}" width="{width:.1f}" height="10"/>',
            x=place(gap.since),
            width=max(place(gap.until) - place(gap.since), 2.0),
        )
        for gap in lesson.gaps
    )
    return html(asset("bar.html"), over=f"{over:.1f}", missing=missing)
