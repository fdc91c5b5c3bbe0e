"""The parameters of a call, from both forms of its URL, checked in the order in which the endpoint names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl, unquote

from agent.standalone.api.envelope import ApiError, Err

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_ID = re.compile(r"[0-9]{1,18}")
MAX_LISTED = 1000
_PASSWORD_IN_URL = re.compile(r"(://[^\s/:@]*):\S*@")
_SECRETS = {"device_pass", "password", "former_password", "unionid"}


class Kind(Enum):
    """What a parameter's value must be: a text, a whole number, one id, or ids with commas between. What a lenient
    number is not counts as not given: pages and sizes of windows fail no call.
    """

    TEXT = "text"
    NUMBER = "number"
    LENIENT = "lenient"
    ID = "id"
    IDS = "ids"


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of an endpoint. `missing` is the code when it is not there or empty (None: optional), `bad` when it
    is not of its kind.
    """

    name: str
    kind: Kind = Kind.TEXT
    missing: Err | None = None
    bad: Err = Err.NO_ID

    @property
    def codes(self) -> tuple[Err, ...]:
        """The codes that it alone may bring about."""
        missing = () if self.missing is None else (self.missing,)
        return (*missing, self.bad) if self.kind in (Kind.NUMBER, Kind.ID, Kind.IDS) else missing


class Params:
    """The values of one call."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def check(self, declared: Iterable[Param]) -> None:
        """Raise `ApiError` for the first declared parameter that is missing; then for the first that is of the wrong
        kind.
        """
        declared = tuple(declared)
        for param in declared:
            if param.missing is not None and not self.has(param.name):
                raise ApiError(param.missing, field=param.name)
        for param in declared:
            if self.has(param.name) and not _is_kind(param.kind, self.text(param.name)):
                raise ApiError(param.bad, f"{param.name} 的值无效", field=param.name)

    def has(self, name: str) -> bool:
        """Whether a parameter is there and not empty."""
        return bool(self.text(name))

    def given(self, name: str) -> bool:
        """Whether a parameter is there, be it empty."""
        return name in self._given

    def text(self, name: str, default: str = "") -> str:
        """The value, without blanks around it."""
        return self._given.get(name, default).strip()

    def raw(self, name: str) -> str:
        """The value as it came: blanks belong to a password."""
        return self._given.get(name, "")

    def number(self, name: str, default: int = 0) -> int:
        """The value as a number; the default where it is missing or none."""
        text = self.text(name)
        return int(text) if _INTEGER.fullmatch(text) else default

    def shown(self) -> dict[str, str]:
        """What was given, as it may be kept where people read it: without secrets."""
        given = {name: self.text(name) for name in self._given if name not in ("token", "again")}
        return {
            name: "***" if name in _SECRETS else _PASSWORD_IN_URL.sub(r"\1:***@", text) for name, text in given.items()
        }

    def frame(self) -> tuple[int, int]:
        """`width` and `height` of a page to be framed, in pixels."""
        width, height = self.number("width", 850), self.number("height", 550)
        return min(max(width, 1), 10_000), min(max(height, 1), 10_000)

    def ids(self, name: str) -> list[int]:
        """The ids of a list, each once, in their order."""
        return list(dict.fromkeys(int(part) for part in self.text(name).split(",") if part.strip()))


def from_url(raw_path: str, raw_query: str) -> dict[str, str]:
    """The parameters of `/name/value/name/value` and of `name=value&name=value`; the query wins, and the last of a
    name.

    Both come as sent, still percent-encoded, so that an encoded `/` belongs to its value. A name at the end without a
    value counts as not given.
    """
    parts = [unquote(part) for part in raw_path.split("/")] if raw_path else []
    found = dict(zip(parts[::2], parts[1::2], strict=False))
    found.update(parse_qsl(raw_query, keep_blank_values=True, max_num_fields=None))
    return clean(found)


def clean(given: Mapping[str, str]) -> dict[str, str]:
    """The values without NUL characters, which no database takes."""
    return {name: value.replace("\0", "") for name, value in given.items()}


def _is_kind(kind: Kind, text: str) -> bool:
    if kind is Kind.NUMBER:
        return _INTEGER.fullmatch(text) is not None
    if kind is Kind.ID:
        return _ID.fullmatch(text) is not None
    if kind is Kind.IDS:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return 0 < len(parts) <= MAX_LISTED and all(_ID.fullmatch(part) for part in parts)
    return True
