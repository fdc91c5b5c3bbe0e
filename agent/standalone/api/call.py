"""One call of API v1, and what an endpoint is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from agent.standalone.api.envelope import Err
from agent.standalone.api.params import Kind, Param, Params
from agent.standalone.hub import Order
from agent.standalone.services import Services

TOKEN = Param("token", missing=Err.NO_TOKEN)
PAGING = (Param("cur", Kind.LENIENT), Param("per", Kind.LENIENT))
FRAME = (Param("width", Kind.LENIENT), Param("height", Kind.LENIENT))
STAMPS = ("created", "updated")


@dataclass(frozen=True, slots=True)
class Call:
    """What an endpoint gets: the parts of the server, the checked parameters, the address the caller uses, and the
    time. `who` calls, and from where, is for the list of changes; what `program` it says it is, for that of tokens.
    """

    services: Services
    params: Params
    base_url: str
    now: float
    who: str = "API v1"
    address: str = ""
    program: str = ""

    def stamps(self, row: Any) -> dict[str, str]:
        """`created` and `updated` of a row as API v1 prints them."""
        return {"created": self.services.stamp(row.created), "updated": self.services.stamp(row.updated)}


@dataclass(frozen=True, slots=True)
class Described:
    """What an endpoint is to its callers; dispatch, the OpenAPI document and the conformance table all go by it.

    `params` are in the order in which they are checked, `raises` the codes beyond those of token and parameters.
    `section` is its place in the API's document, `title` its name in Chinese and English. Names of the answer are words
    of `fields`: `answers` stand beside `err_code`, `rows` in each object of `data`, in the envelope of lists.
    `open_to_all` needs no token.
    """

    name: str
    work: Callable[[Session, Call], Any]
    params: tuple[Param, ...] = ()
    open_to_all: bool = False
    section: str = field(default="", kw_only=True)
    title: tuple[str, str] = field(default=("", ""), kw_only=True)
    answers: tuple[str, ...] = field(default=(), kw_only=True)
    rows: tuple[str, ...] = field(default=(), kw_only=True)
    raises: tuple[Err, ...] = field(default=(), kw_only=True)

    @property
    def all_params(self) -> tuple[Param, ...]:
        """Every parameter that means something, those of all calls and of all lists too."""
        first = () if self.open_to_all else (TOKEN,)
        return first + self.params + (PAGING if self.rows else ())

    @property
    def codes(self) -> tuple[Err, ...]:
        """Every code that a call of it may answer with, in order, without success."""
        token = () if self.open_to_all else (Err.BAD_TOKEN, Err.TOKEN_EXPIRED)
        named = [code for param in self.all_params for code in param.codes]
        return tuple(sorted({*token, *named, *self.raises}))


@dataclass(frozen=True, slots=True)
class Endpoint(Described):
    """An endpoint that only the database is concerned by."""

    work: Callable[[Session, Call], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change(Described):
    """An endpoint that changes what agents should do: its commands are carried out, and their outcome is `transmit`."""

    work: Callable[[Session, Call], tuple[dict[str, Any], list[Order]]]


_CHANGING = ("add_", "mod_", "del_", "start_", "stop_")


def changes_something(endpoint: Endpoint | Change) -> bool:
    """Whether a call of it may leave something different from before (clicks do not count)."""
    return endpoint.name.startswith(_CHANGING)
