"""The fields of a form that asks for a change (`site` says how such a form works)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.web.markup import Markup, html, joined


def field(
    name: str, label: str, value: object = "", *, kind: str = "text", explained: str = "", **attributes: Any
) -> Markup:
    """A labelled input; `attributes` are HTML's (`required=True`, `max=30`; `_` stands for `-`)."""
    return html(
        '<label><span class="label">{label}</span>'
        '<input name="{name}" type="{kind}" value="{value}"{attributes}>{explained}</label>',
        name=name,
        label=label,
        kind=kind,
        value=value,
        attributes=_attributes(attributes),
        explained=_explained(explained),
    )


def switch(name: str, label: str, on: object, explained: str = "") -> Markup:
    """Something that is on (1) or off (0)."""
    return html(
        '<label class="switch"><input name="{name}" type="checkbox"{checked}>'
        '<span class="label">{label}</span>{explained}</label>',
        name=name,
        label=label,
        checked=Markup(" checked") if on else Markup(),
        explained=_explained(explained),
    )


def choice(
    name: str, label: str, options: Mapping[int, str] | Mapping[str, str], chosen: object = None, explained: str = ""
) -> Markup:
    """One of several; `options` by value."""
    return html(
        '<label><span class="label">{label}</span><select name="{name}">{options}</select>{explained}</label>',
        name=name,
        label=label,
        options=joined(_option(value, text, chosen) for value, text in options.items()),
        explained=_explained(explained),
    )


def _option(value: object, text: str, chosen: object) -> Markup:
    selected = Markup(" selected") if str(value) == str(chosen) else Markup()
    return html('<option value="{value}"{selected}>{text}</option>', value=value, selected=selected, text=text)


def hidden(**values: object) -> Markup:
    """Values that go with the form."""
    return joined(
        html('<input type="hidden" name="{name}" value="{value}">', name=name, value=value)
        for name, value in values.items()
    )


def form(
    do: str, fields: Iterable[Markup], go: str, *, after: str = "", sure: str = "", is_danger: bool = False
) -> Markup:
    """A form of labelled fields. Sent before the page's script is there, it must not put what was typed into the
    address: hence `method`. `do` is the change, `go` the button, `after` and `sure` as in `site`.
    """
    return html(
        '<form class="fields" method="post" action="/console/do/{do}" data-do="{do}"{about}>{fields}'
        '<p class="buttons"><button class="{kind}">{go}</button></p></form>',
        do=do,
        about=_about(after, sure),
        fields=joined(fields),
        go=go,
        kind="danger" if is_danger else "strong",
    )


def press(do: str, go: str, *, after: str = "", sure: str = "", is_danger: bool = False, **values: object) -> Markup:
    """A single button that asks for a change with these values."""
    return html(
        '<form method="post" action="/console/do/{do}" data-do="{do}"{about}>{values}'
        "<button{kind}>{go}</button></form>",
        do=do,
        about=_about(after, sure),
        values=hidden(**values),
        go=go,
        kind=Markup(' class="danger"') if is_danger else Markup(),
    )


def copied(key: str, value: str, copy: str, said: str) -> Markup:
    """A value with a button that copies it; `key` is its id on the page."""
    return html(
        '<code class="secret" id="{key}">{value}</code> '
        '<button type="button" data-copies="{key}" data-said="{said}">{copy}</button>',
        key=key,
        value=value,
        copy=copy,
        said=said,
    )


def _about(after: str, sure: str) -> Markup:
    return _attributes({name: value for name, value in (("data-after", after), ("data-sure", sure)) if value})


def _attributes(values: Mapping[str, object]) -> Markup:
    parts = []
    for name, value in values.items():
        if value is True:
            parts.append(html(" {name}", name=name.replace("_", "-")))
        elif value not in (False, None):
            parts.append(html(' {name}="{value}"', name=name.replace("_", "-"), value=value))
    return joined(parts)


def _explained(text: str) -> Markup:
    return html('<span class="explained">{text}</span>', text=text) if text else Markup()
