"""One call of API v1, and what an endpoint is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from agent.standalone.api.params import Param, Params
from agent.standalone.gather.hub import Order
from agent.standalone.services import Services


@dataclass(frozen=True, slots=True)
class Call:
    """What an endpoint gets: the parts of the server, the checked parameters, the address the caller uses, and the
    time. `who` calls, and from where, is for the list of changes.
    """

    services: Services
    params: Params
    base_url: str
    now: float
    who: str = "API v1"
    address: str = ""

    def stamps(self, row: Any) -> dict[str, str]:
        """`created` and `updated` of a row as API v1 prints them."""
        return {"created": self.services.stamp(row.created), "updated": self.services.stamp(row.updated)}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that only the database is concerned by. `open_to_all` needs no token."""

    name: str
    work: Callable[[Session, Call], dict[str, Any]]
    params: tuple[Param, ...] = ()
    open_to_all: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """An endpoint that changes what agents should do: its commands are carried out, and their outcome is `transmit`."""

    name: str
    work: Callable[[Session, Call], tuple[dict[str, Any], list[Order]]]
    params: tuple[Param, ...] = ()


_CHANGING = ("add_", "mod_", "del_", "start_", "stop_")


def changes_something(endpoint: Endpoint | Change) -> bool:
    """Whether a call of it may leave something different from before (clicks do not count)."""
    return endpoint.name.startswith(_CHANGING)
