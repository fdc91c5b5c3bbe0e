"""The pieces that both pages are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.web.markup import Markup, asset, html, joined
from agent.web.words import Words

SHOWN_GAPS = 4
HEALTH: Mapping[str, str] = {"yes": "good", "doubtful": "warn", "unknown": "warn", "no": "bad", "none": "calm"}
"""The colour of an answer to "will the next lesson be recorded?"."""


@dataclass(frozen=True, slots=True)
class GapView:
    """What is missing of a lesson. Unix seconds."""

    since: float
    until: float
    cause: str


@dataclass(frozen=True, slots=True)
class LessonLine:
    """A lesson as it is drawn. `clock` in `lesson_line` turns Unix seconds into the time of day."""

    begin: float
    end: float | None
    title: str
    camera: str
    teacher: str
    kind: str
    """A state for which there is a word `state_<kind>`."""
    coverage: float | None
    gaps: Sequence[GapView]
    is_over_drawn: bool = True
    """Whether what has passed of it is drawn as recorded."""
    address: str = ""
    """Where there is more about it."""


def page(title: str, words: Words, body: Markup, head: str = "") -> Markup:
    """A whole page; `head` is HTML for its head."""
    return html(asset("page.html"), lang=words.tag, title=title, body=body, head=Markup(head))


def listed(items: Iterable[Markup], empty: str) -> Markup:
    """List items, or one that says that there is none."""
    return joined(items) or html('<li class="empty">{text}</li>', text=empty)


def section(kind: str, title: str, items: Iterable[Markup], words: Words) -> Markup:
    """A list under a title; `title` is a word, and `no_<title>` what is said where there is nothing."""
    return html(
        '<section>\n<h2>{title}</h2>\n<ul class="{kind}">{items}</ul>\n</section>',
        title=words[title],
        kind=kind,
        items=listed(items, words[f"no_{title}"]),
    )


def bullets(lines: Iterable[str], kind: str) -> Markup:
    """Lines as a list; nothing where there are none."""
    items = joined(html("<li>{text}</li>", text=line) for line in lines)
    return html('<ul class="{kind}">{items}</ul>', kind=kind, items=items) if items else Markup()


def answer_panel(
    health: str,
    sentence: str,
    *,
    question: str = "",
    reasons: Iterable[str] = (),
    now_line: str = "",
    is_alert: bool = False,
) -> Markup:
    """What is read first: a sentence in the colour of `health` (good, warn, bad, calm), and what speaks for it."""
    return html(
        asset("answer.html"),
        health=health,
        told=Markup('role="alert"' if is_alert else 'aria-live="polite"'),
        question=html("<h2>{text}</h2>", text=question) if question else Markup(),
        sentence=sentence,
        reasons=bullets(reasons, "reasons"),
        now_line=now_line,
    )


def alarm_list(lines: Iterable[str], words: Words) -> Markup:
    """What stands wrong at this moment; nothing where nothing does."""
    items = bullets(lines, "lines")
    title = words["alarms"]
    return (
        html('<section class="alarms" role="alert"><h2>{title}</h2>{items}</section>', title=title, items=items)
        if items
        else items
    )


def size(count: float) -> str:
    """Bytes as `4.2 MB`, from 1 GB on `1.3 GB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def length(seconds: float) -> str:
    """A length as `4:05` or `1:04:05`."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def span(seconds: float, words: Words) -> str:
    """A length as `12.5 s`, from a minute on `4:05`."""
    return length(seconds) if seconds >= 60 else f"{max(seconds, 0.0):.1f} {words['seconds']}"


def picture(address: str, name: str, words: Words) -> Markup:
    """A channel's picture, or that there is none yet."""
    if not address:
        return html("<span>{text}</span>", text=words["no_picture"])
    return html('<img src="{src}" alt="{alt}" loading="lazy">', src=address, alt=name)


def lesson_line(lesson: LessonLine, now: float, words: Words, clock: Callable[[float], str]) -> Markup:
    """One lesson: when, what, a bar with its losses, how it is."""
    title = lesson.title or words["by_hand"]
    return html(
        asset("lesson.html"),
        begin=clock(lesson.begin)[:5],
        end="" if lesson.end is None else clock(lesson.end)[:5],
        title=html('<a href="{address}">{title}</a>', address=lesson.address, title=title) if lesson.address else title,
        camera=lesson.camera,
        teacher=lesson.teacher,
        kind=lesson.kind,
        state=words[f"state_{lesson.kind}"],
        coverage="" if lesson.coverage is None else f"{words['coverage']} {percent(lesson.coverage)}",
        bar=_bar(lesson, now),
        gaps=_gaps(lesson, words, clock),
    )


def percent(share: float) -> str:
    """A share as people read it; never 100 % while something is missing."""
    tenths = 1000 if share >= 1 else min(int(share * 1000), 999)
    return f"{tenths / 10:.1f} %"


def _bar(lesson: LessonLine, now: float) -> Markup:
    """The lesson as a bar: what is over, and in it what is missing."""
    if lesson.end is None or lesson.end <= lesson.begin:
        return Markup()
    length = lesson.end - lesson.begin

    def place(unix: float) -> float:
        return 1000 * min(max((unix - lesson.begin) / length, 0.0), 1.0)

    over = place(now) if lesson.is_over_drawn else 0.0
    missing = joined(
        html(
            '<rect class="missing" x="{x:.1f}" width="{width:.1f}" height="10"/>',
            x=place(gap.since),
            width=max(place(gap.until) - place(gap.since), 2.0),
        )
        for gap in lesson.gaps
    )
    return html(asset("bar.html"), over=f"{over:.1f}", missing=missing)


def _gaps(lesson: LessonLine, words: Words, clock: Callable[[float], str]) -> Markup:
    if not lesson.gaps:
        whole = lesson.kind == "done" and lesson.coverage is not None and lesson.coverage >= 1
        return html('<p class="whole">{text}</p>', text=words["complete"]) if whole else Markup()
    longest = sorted(lesson.gaps, key=lambda gap: gap.since - gap.until)[:SHOWN_GAPS]
    shown = sorted(longest, key=lambda gap: gap.since)
    rest = sum(gap.until - gap.since for gap in lesson.gaps) - sum(gap.until - gap.since for gap in shown)
    items = [html("<li>{text}</li>", text=gap_text(gap, words, clock)) for gap in shown]
    if len(lesson.gaps) > len(shown):
        text = words.of("more_gaps", count=len(lesson.gaps) - len(shown), time=span(rest, words))
        items.append(html("<li>{text}</li>", text=text))
    return html('<ul class="gaps" aria-label="{label}">{items}</ul>', label=words["gaps"], items=joined(items))


def gap_text(gap: GapView, words: Words, clock: Callable[[float], str]) -> str:
    """What is missing, from when to when, how long, and why."""
    time = span(gap.until - gap.since, words)
    return f"{clock(gap.since)} – {clock(gap.until)} · {time} · {words.cause(gap.cause)}"
