"""One request of somebody who is signed in: what a page's function, and a change, works with."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from aiohttp import web
from sqlalchemy.orm import Session

from agent.standalone.console import access
from agent.standalone.console.accounts import Person, person_of
from agent.standalone.services import SERVICES, Services
from agent.web.words import Words

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, for what, in which language, at which moment (Unix seconds)."""

    request: web.Request
    services: Services
    person: Person
    words: Words
    form_token: str
    now: float

    @property
    def is_administrator(self) -> bool:
        """Whether secrets are shown and changes let through."""
        return self.person.is_administrator

    async def read(self, work: Callable[Concatenate[Session, _P], _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The value of `work(session, ...)`, in one transaction."""
        return await self.services.database.run(work, *args, **kwargs)

    def text(self, name: str) -> str:
        """A parameter of the address; empty where it is not given."""
        return self.request.query.get(name, "").strip()

    def number(self, name: str, default: int = 0) -> int:
        """A whole number of the address; the default where it is none."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else default

    def since(self, unix: float) -> str:
        """A moment that may be long ago: the time of day, before today with the date."""
        local = self.services.local(unix)
        return (
            f"{local:%H:%M:%S}" if local.date() == self.services.local(self.now).date() else f"{local:%Y-%m-%d %H:%M}"
        )

    def clock(self, unix: float) -> str:
        """A moment's time of day in the server's zone."""
        return self.services.local(unix).strftime("%H:%M:%S")


async def person_at(request: web.Request) -> tuple[Person, str] | None:
    """Who sends a request, and the cookie that says so; None where nobody is signed in."""
    cookie = request.cookies.get(access.COOKIE, "")
    if not cookie:
        return None
    services = request.app[SERVICES]
    person = await services.database.run(person_of, services.clock(), cookie)
    return None if person is None else (person, cookie)


async def visit_of(request: web.Request, words: Callable[[web.Request], Words]) -> Visit | None:
    """The visit that a request is; None where nobody is signed in."""
    found = await person_at(request)
    if found is None:
        return None
    services = request.app[SERVICES]
    person, cookie = found
    return Visit(request, services, person, words(request), services.keys.form_token(cookie), services.clock())


def whole_seconds(seconds: float) -> str:
    """A wait as `Retry-After` has it."""
    return str(math.ceil(seconds))


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
