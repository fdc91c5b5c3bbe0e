"""What every handler works with, in one object."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aiohttp import web

from agent.standalone.keys import Keys
from agent.standalone.settings import ServerSettings
from agent.standalone.store.database import Database
from agent.standalone.store.trash import Sweeper

if TYPE_CHECKING:
    from agent.standalone.files import FileStore
    from agent.standalone.hub import Hub
    from agent.standalone.shelf import Shelf

_HOST = re.compile(r"(?:[\w.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)
_LAST_MOMENT = 253_370_000_000.0  # in the year 9998

Clock = Callable[[], float]
"""Unix seconds."""


@dataclass(slots=True)
class Services:
    """The parts of one running server. `url` is its own address, known once it listens."""

    settings: ServerSettings
    zone: ZoneInfo
    clock: Clock
    keys: Keys
    database: Database
    hub: Hub
    files: FileStore
    shelf: Shelf
    sweeper: Sweeper
    url: str = ""

    def base_url(self, request: web.BaseRequest) -> str:
        """The address by which this caller reaches the server; without a public one and on all addresses, the one it
        used.
        """
        if self.settings.public_url:
            return self.settings.public_url.rstrip("/")
        if self.settings.everywhere and (host := plain_host(request)):
            return f"{request.scheme}://{host}"
        return self.url

    def local(self, unix: float) -> datetime:
        """A moment in the server's time zone; what no calendar has is brought to the nearest that one has."""
        return datetime.fromtimestamp(min(max(unix, 0.0), _LAST_MOMENT), self.zone)

    def stamp(self, unix: float) -> str:
        """A moment as API v1 prints it."""
        return self.local(unix).strftime("%Y-%m-%d %H:%M:%S")


def plain_host(request: web.BaseRequest) -> str:
    """The name by which the caller asks for this server; empty where it is none that may stand in an address or a
    header of an answer.
    """
    return request.host if _HOST.fullmatch(request.host) else ""


SERVICES = web.AppKey("services", Services)
