"""Who sends and who reads back, where a storage gives no checksum: one file's way back beside another one's way there.

Files that begin together would be sent together and read back together, and of a line that carries both directions at
once each would lie idle half of the time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator


class Turns:
    """At most one file more is sent than is being read back: half of those that are on their way, at least one."""

    def __init__(self) -> None:
        self._sending = self._reading = 0
        self._moved = asyncio.Event()  # another one each time

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Waits for its turn."""
        while self._sending > self._reading:
            await self._moved.wait()
        self._sending += 1
        try:
            yield
        finally:
            self._sending -= 1
            self._tell()

    @contextlib.contextmanager
    def reading_back(self) -> Iterator[None]:
        """Waits for nobody."""
        self._reading += 1
        self._tell()
        try:
            yield
        finally:
            self._reading -= 1
            self._tell()

    def _tell(self) -> None:
        """Whoever waits looks again."""
        self._moved.set()
        self._moved = asyncio.Event()
