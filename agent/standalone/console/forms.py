"""The pieces of forms that say what a page shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.standalone.console.filters import Choice, Choices, Filter
from agent.standalone.console.gathers import GatherView
from agent.web.markup import Markup, asset, html, joined
from agent.web.words import Table, Words

FORM_WORDS: Table = {
    "gather": ("采集端", "Recorder"),
    "room": ("教室", "Room"),
    "subject": ("科目", "Subject"),
    "teacher": ("教师", "Teacher"),
    "every": ("全部", "all"),
    "all_gathers": ("全部采集端", "All recorders"),
    "from": ("从", "From"),
    "to": ("到", "to"),
    "only_incomplete": ("只看不完整", "only incomplete"),
    "show": ("显示", "Show"),
    "newer": ("较新", "Newer"),
    "older": ("较早", "Older"),
    "pages": ("翻页", "Pages"),
}
"""What the forms say; a page that has one has these words."""


def select(name: str, label: str, choices: Iterable[Choice], chosen: int, every: str) -> Markup:
    """A choice of one or of all."""
    options = joined(
        html(
            '<option value="{value}"{selected}>{text}</option>',
            value=value or "",
            selected=Markup(" selected") if value == chosen else Markup(),
            text=text,
        )
        for value, text in ((0, every), *choices)
    )
    return html(
        '<label><span class="small">{label}</span> <select name="{name}">{options}</select></label>',
        label=label,
        name=name,
        options=options,
    )


def gather_choice(gathers: Sequence[GatherView], chosen: int, words: Words) -> Markup:
    """Which agent; nothing where there is only one."""
    if len(gathers) < 2:
        return Markup()
    choices = [(one.gather_id, one.name) for one in gathers]
    return select("gather_id", words["gather"], choices, chosen, words["all_gathers"])


def filter_form(path: str, asked: Filter, choices: Choices, words: Words) -> Markup:
    """The form of a filter."""
    many = len(choices.gathers) > 1
    selects = [
        select("gather_id", words["gather"], choices.gathers, asked.gather_id, words["every"]) if many else Markup(),
        select("camera_id", words["room"], choices.cameras, asked.camera_id, words["every"]),
        select("subject_id", words["subject"], choices.subjects, asked.subject_id, words["every"]),
        select("teacher_id", words["teacher"], choices.teachers, asked.teacher_id, words["every"]),
    ]
    return html(
        asset("filter.html", __package__),
        path=path,
        from_word=words["from"],
        to_word=words["to"],
        first=asked.first.isoformat(),
        last=asked.last.isoformat(),
        selects=joined(selects),
        checked=Markup(" checked") if asked.incomplete else Markup(),
        incomplete=words["only_incomplete"],
        show=words["show"],
    )


def pager(path: str, asked: Filter, words: Words, *, more: bool) -> Markup:
    """To the page before and after."""
    links = []
    if asked.page > 1:
        links.append(_turn(path, asked.address(asked.page - 1), f"‹ {words['newer']}"))
    if more:
        links.append(_turn(path, asked.address(asked.page + 1), f"{words['older']} ›"))
    return html('<nav class="pager" aria-label="{label}">{links}</nav>', label=words["pages"], links=joined(links))


def _turn(path: str, query: str, text: str) -> Markup:
    return html('<a class="button" href="{path}?{query}">{text}</a>', path=path, query=query, text=text)
