"""What a check has found: a code that stays the same for programs, and what fills its sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.doctor.phrases import PHRASES
from agent.logs import redact
from agent.words import Language

Severity = Literal["ok", "note", "warning", "error"]
"""Well; something to know; works but should be mended; does not work."""
SEVERITIES: tuple[Severity, ...] = ("ok", "note", "warning", "error")


@dataclass(frozen=True, slots=True)
class Finding:
    """`where` is what it is about: an address, a folder, a unit. `data` fills the sentences of `code`."""

    severity: Severity
    code: str
    where: str = ""
    data: dict[str, str | int | float] = field(default_factory=dict)

    def what(self, language: Language) -> str:
        """What is the case."""
        return self._say(0 if language == "en" else 1)

    def advice(self, language: Language) -> str:
        """What to do; empty where there is nothing to be done."""
        return self._say(2 if language == "en" else 3)

    def _say(self, column: int) -> str:
        data = {key: redact(value) if isinstance(value, str) else value for key, value in self.data.items()}
        return PHRASES[self.code][column].format(where=redact(self.where), **data)

    def as_json(self, language: Language) -> dict[str, Any]:
        """For programs, and for those who read them."""
        return {
            "severity": self.severity,
            "code": self.code,
            "where": redact(self.where),
            "what": self.what(language),
            "advice": self.advice(language),
            "data": {key: redact(value) if isinstance(value, str) else value for key, value in self.data.items()},
        }


def ok(code: str, where: str = "", **data: str | int | float) -> Finding:
    """All is well there."""
    return Finding("ok", code, where, data)


def note(code: str, where: str = "", **data: str | int | float) -> Finding:
    """Something to know."""
    return Finding("note", code, where, data)


def warning(code: str, where: str = "", **data: str | int | float) -> Finding:
    """It works, and should be mended."""
    return Finding("warning", code, where, data)


def error(code: str, where: str = "", **data: str | int | float) -> Finding:
    """It does not work."""
    return Finding("error", code, where, data)


def worst(findings: Iterable[Finding]) -> Severity:
    """The worst severity among them."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default="ok")
