"""FastDFS's trackers: which storage takes a file, and which has it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from agent.storage.fastdfs.line import Line, Unreachable, connect, connected
from agent.storage.fastdfs.wire import Command, FdfsError, Place, group_field, name_of, parse_place, parse_server

TRACKER_SEC = 10.0
"""Beside the silence limit: what a tracker's answer, which needs no disk, may take before the next one is asked."""
PLACES = 4
"""So many times the trackers are asked for a storage before one is given up that nobody can reach."""
T = TypeVar("T")
_TRACKER = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\[\]:,/\s]+)(?::(\d{1,5}))?")


def trackers_of(url: str) -> list[tuple[str, int]]:
    """The trackers of `fdfs://host:port,host:port`; 22122 where no port is given. `ValueError` otherwise."""
    found = []
    for part in url.removeprefix("fdfs://").strip("/").split(","):
        match = _TRACKER.fullmatch(part.strip())
        if match is None or not 0 < int(match[2] or 22122) < 65536:
            raise ValueError(f"{part!r} is no tracker")
        found.append((match[1].strip("[]"), int(match[2] or 22122)))
    return found


class Trackers:
    """`group` is the one that takes files; empty = whichever the trackers choose."""

    def __init__(self, trackers: list[tuple[str, int]], group: str, silence_sec: float) -> None:
        self._trackers, self._group, self._silence = trackers, group, silence_sec
        self._first = 0  # the one that answered last

    @contextlib.asynccontextmanager
    async def taker(self) -> AsyncIterator[tuple[Place, Line]]:
        """A storage that takes files, and a connection to it: another one where the trackers' first choice is dead."""
        dead: dict[tuple[str, int], Unreachable] = {}
        for _ in range(PLACES):
            place = await self.place()
            where = (place.host, place.port)
            if where in dead:
                continue
            try:
                line = await connect(*where, self._silence)
            except Unreachable as error:
                dead[where] = error
                continue
            try:
                yield place, line
            finally:
                line.abort()
            return
        raise next(iter(dead.values()))

    async def place(self) -> Place:
        """A storage that takes files. Raises `FdfsError` where no tracker names one."""
        if self._group:
            return await self._asked(parse_place, Command.QUERY_GROUP, group_field(self._group))
        return await self._asked(parse_place, Command.QUERY_STORE)

    async def of_file(self, group: str, name: str) -> tuple[str, int]:
        """The storage that a file came to, for changes. Nobody looks whether it is there. Errors as `place`."""
        return await self._asked(parse_server, Command.QUERY_UPDATE, group_field(group) + name_of(name))

    async def _asked(self, parse: Callable[[bytes], T], command: Command, body: bytes = b"") -> T:
        """The reply of the first tracker that gives one, of the last one that did first of all."""
        failures: list[Exception] = []
        for number in range(len(self._trackers)):
            index = (self._first + number) % len(self._trackers)
            try:
                async with connected(*self._trackers[index], min(self._silence, TRACKER_SEC)) as line:
                    found = parse(await line.ask(command, body))
            except (OSError, FdfsError) as error:
                failures.append(error)
            else:
                self._first = index
                return found
        # What a tracker says is worth more than that another one is away.
        told = next((one for one in failures if isinstance(one, FdfsError) and one.status), failures[-1])
        raise FdfsError(f"no tracker names a storage: {told}") from told
