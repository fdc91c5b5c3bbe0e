"""What is wrong with a configuration, in words that tell a person what to write instead.

Values are not repeated: a secret may stand in the wrong place.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from agent.config.model import Config
from agent.config.section import Section


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (`config.toml:12`, `environment GATHER__...`), which key, what, what to write.

    `costs_lessons` False: the server or the broker cannot be reached, and lessons are recorded all the same.
    """

    where: str
    key: str
    what: str
    instead: str = ""
    costs_lessons: bool = True

    def __str__(self) -> str:
        text = ": ".join(filter(None, (self.where, self.key, self.what)))
        return f"{text}\n    write: {self.instead}" if self.instead else text


class ConfigError(Exception):
    """The configuration cannot be used; `problems` has everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 problem in the configuration" if count == 1 else f"{count} problems in the configuration"
        super().__init__("\n".join([f"{head}:", *(f"  {problem}".replace("\n", "\n  ") for problem in self.problems)]))


def sections() -> dict[str, type[Section]]:
    """Every section of the configuration by name."""
    found = {name: field.annotation for name, field in Config.model_fields.items()}
    return {name: section for name, section in found.items() if isinstance(section, type)}


def fields() -> dict[str, FieldInfo]:
    """Every key, dotted: `record.ring_mb`."""
    return {
        f"{section}.{name}": field
        for section, model in sections().items()
        for name, field in model.model_fields.items()
    }


def plain_type(field: FieldInfo) -> Any:
    """The type that a key's value has in the file: `Path` for `Path | None`."""
    hint: Any = field.annotation
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    if hasattr(hint, "__metadata__"):
        hint = get_args(hint)[0]
    return hint


def unknown_key(key: str) -> tuple[str, str]:
    """What to say about a key that does not exist: (what is wrong, what to write)."""
    section, _, name = key.partition(".")
    known = sections()
    if not name:
        near = difflib.get_close_matches(section, known, n=1)
        instead = f"[{near[0]}]" if near else "one of " + ", ".join(f"[{name}]" for name in known)
        return "there is no such section", instead
    if section in known:
        near = difflib.get_close_matches(name, known[section].model_fields, n=1)
        if near:
            return "there is no such key", near[0]
    elsewhere = [other for other in fields() if other.partition(".")[2] == name]
    if elsewhere:
        return (
            "there is no such key in this section",
            f"{elsewhere[0].partition('.')[2]} under [{elsewhere[0].partition('.')[0]}]",
        )
    if section in known:
        return "there is no such key", "one of " + ", ".join(known[section].model_fields)
    return unknown_key(section)


def from_pydantic(error: ErrorDetails) -> Iterator[tuple[str, str, str]]:
    """(key, what is wrong, what to write instead) for each thing that one of pydantic's errors says."""
    key = ".".join(map(str, error["loc"][:2]))
    context = error.get("ctx", {})
    field = fields().get(key)
    if error["type"] == "extra_forbidden":
        yield (key, *unknown_key(key))
    elif error["type"] == "contradiction":
        for one in context["contradictions"]:
            yield f"{key}.{one.key}", one.what, one.instead
    elif error["type"] == "misfit":
        yield key, context["what"], context["instead"]
    elif field is None:
        yield key, "a section is needed here, not a value", f"[{key}] on a line of its own"
    else:
        yield key, _what(error["type"], context, field), _instead(field)


def _what(kind: str, context: dict[str, Any], field: FieldInfo) -> str:
    names: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false"}
    texts = {
        "greater_than_equal": "too small",
        "less_than_equal": "too large",
        "string_too_short": "must not be empty",
        "string_too_long": f"longer than {context.get('max_length')} characters",
        "finite_number": "not a finite number",
        "literal_error": "not one of the words that are possible here",
    }
    return texts.get(kind, f"{names.get(plain_type(field), 'a text in quotes')} is needed here")


def _instead(field: FieldInfo) -> str:
    expected = plain_type(field)
    if get_origin(expected) is Literal:
        return "one of " + ", ".join(f'"{word}"' for word in get_args(expected))
    if expected in (int, float):
        least = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
        most = next((m.le for m in field.metadata if hasattr(m, "le")), None)
        if least is not None and most is not None:
            return f"a number from {least:.10g} to {most:.10g}, without quotes (default {field.default:g})"
        return f"a number without quotes (default {field.default:g})"
    others = {
        bool: f"true or false, without quotes (default {str(field.default).lower()})",
        Path: 'a path in quotes, or "" for the default',
        SecretStr: "the secret as a text in quotes, or better its file",
    }
    return others.get(expected, f'a text in quotes, like "{field.default}"')
