"""docs/api-v1-conformance.md, made of what was observed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agent.standalone.api.dispatch import ENDPOINTS
from tests.standalone.conformance.cases import GROUPS
from tests.standalone.conformance.document import DEVIATIONS, DOCUMENT
from tests.standalone.conformance.observing import Observed

FILE = Path(__file__).parents[3] / "docs" / "api-v1-conformance.md"
ORDER = sorted(ENDPOINTS, key=lambda endpoint: int(endpoint.section.split(".")[1]))
_HEAD = """\
# API v1: conformance

Written by `make conformance`; do not edit. Every call was made over HTTP to a running server with an agent connected,
in both forms of its URL (`?name=value` and `/name/value`), which must answer alike; every answer was held against the
served OpenAPI document. The same calls are tests (`tests/standalone/conformance/`), which fail where this page differs.

The table names the codes that were observed; "-" is a case that an endpoint cannot have. What differs from the API's
document is named behind it, the reasons are in [api-v1.md](api-v1.md).

"""


def page(observed: dict[str, list[Observed]]) -> str:
    """The whole page."""
    return _HEAD + matrix(observed) + "".join(section(name, rows) for name, rows in observed.items())


def matrix(observed: dict[str, list[Observed]]) -> str:
    """Endpoint by kind of case."""
    lines = ["| | endpoint | " + " | ".join(GROUPS) + " | calls | beyond or beside the document |"]
    lines.append("|" + "---|" * (len(GROUPS) + 4))
    lines += [row(name, found) for name, found in observed.items()]
    calls = sum(map(len, observed.values()))
    return "\n".join(lines) + f"\n\n{calls} calls in each form.\n"


def row(name: str, found: list[Observed]) -> str:
    """An endpoint's line of the matrix."""
    cells = [" ".join(map(str, sorted({one.code for one in found if one.group == group}))) or "-" for group in GROUPS]
    shown = " | ".join(cells)
    return f"| {DOCUMENT[name].section} | `{name}` | {shown} | {len(found)} | {DEVIATIONS.get(name, '-')} |"


def section(name: str, found: Iterable[Observed]) -> str:
    """An endpoint's own table: calls that were answered alike share a line."""
    lines: dict[tuple[str, str], list[str]] = {}
    for one in found:
        lines.setdefault((one.group, one.said), []).append(one.label)
    text = f"\n## {DOCUMENT[name].section} `{name}`\n\n| case | call | answer |\n|---|---|---|\n"
    for group in GROUPS:
        for (of, said), labels in lines.items():
            if of == group:
                text += f"| {group} | {_cell('; '.join(labels))} | {_cell(said)} |\n"
    return text


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
