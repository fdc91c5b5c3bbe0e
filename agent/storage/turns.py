"""Who sends and who reads back, where a storage gives no checksum: one file's way back beside another one's way there.

Files that begin together would be sent together and read back together, and of a line that carries both directions at
once each would lie idle half of the time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """At most one file more is sent than is being read back: half of those that are on their way, at least one."""

    def __init__(self) -> None:
        self._sending = self._reading = 0
        self._moved = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Waits for its turn."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._sending <= self._reading)
            self._sending += 1
        try:
            yield
        finally:
            self._sending -= 1
            await self._tell()

    @contextlib.asynccontextmanager
    async def reading_back(self) -> AsyncIterator[None]:
        """Waits for nobody."""
        self._reading += 1
        await self._tell()
        try:
            yield
        finally:
            self._reading -= 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()
