"""HTML from templates in which every value is escaped unless it is `Markup` already."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from string import Formatter
from typing import Any


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


class _Escaping(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        return value if isinstance(value, Markup) else escape(super().format_field(value, format_spec))


_formatter = _Escaping()


def html(template: str, **values: Any) -> Markup:
    """The template with `{name}` replaced by escaped values."""
    return Markup(_formatter.vformat(template, (), values))


def joined(parts: Iterable[Markup]) -> Markup:
    """Parts one after the other."""
    return Markup("".join(parts))


@cache
def asset(name: str, package: str = "agent.web") -> str:
    """A file of a package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")
