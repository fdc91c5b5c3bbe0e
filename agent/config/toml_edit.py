"""Sets a key in a TOML text and leaves everything else as its owner wrote it: comments, order, blanks, line ends."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from agent.config.toml_lines import key_lines, value_spans


class CannotEdit(Exception):
    """The text is built in a way that this module does not change; the message is what its owner should write."""


def with_key(text: str, section: str, key: str, value: str) -> str:
    """The text with `key = "value"` in `[section]`.

    The value changes where the key stands already; else it takes the place of the line that shows its default as a
    comment, or follows the section's heading; a section that is not there comes at the end.
    """
    assignment = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    before = tomllib.loads(text)
    if (span := value_spans(text).get((section, key))) is not None:
        changed = text[: span[0]] + assignment.partition(" = ")[2] + text[span[1] :]
    else:
        changed = _added(text, section, key, assignment)
    table = before.get(section, {})
    wanted = {**before, section: {**table, key: value}} if isinstance(table, dict) else None
    return _checked(changed, wanted, section, assignment)


def without_key(text: str, section: str, key: str) -> str:
    """The text with the key's line turned into a comment; unchanged where the key does not stand."""
    line = key_lines(text).get((section, key))
    if line is None:
        return text
    lines = text.splitlines(keepends=True)
    lines[line - 1] = f"#{lines[line - 1]}"
    before = tomllib.loads(text)
    wanted = {**before, section: {name: one for name, one in before[section].items() if name != key}}
    return _checked("".join(lines), wanted, section, f"no {key}")


def _added(text: str, section: str, key: str, assignment: str) -> str:
    lines = text.splitlines(keepends=True)
    end = "\r\n" if "\r\n" in text else "\n"
    heading = _heading(lines, section)
    if heading is None:
        gap = end if lines else ""
        whole = "" if not lines or lines[-1].endswith("\n") else end
        return f"{text}{whole}{gap}[{section}]{end}{assignment}{end}"
    at = heading + 1
    for number, line in enumerate(lines[at:], at):
        if re.match(r"\s*\[", line):
            break
        if re.match(rf"#\s*{re.escape(key)}\s*=", line):
            lines[number] = assignment + end
            return "".join(lines)
    if not lines[heading].endswith("\n"):
        lines[heading] += end
    lines.insert(at, assignment + end)
    return "".join(lines)


def _heading(lines: list[str], section: str) -> int | None:
    pattern = re.compile(rf"\s*\[\s*(?P<quote>[\"']?){re.escape(section)}(?P=quote)\s*\]")
    return next((number for number, line in enumerate(lines) if pattern.match(line)), None)


def _checked(changed: str, wanted: dict[str, Any] | None, section: str, assignment: str) -> str:
    """`changed` if it says just what was wanted: a heading may stand inside a string, a section in braces."""
    try:
        if tomllib.loads(changed) == wanted:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    raise CannotEdit(f"in [{section}]: {assignment}")
