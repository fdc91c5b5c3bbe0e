"""The journal beside an event loop: one thread of its own, because a synced commit may take as long as the disk
likes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from agent.journal.journal import Journal

P = ParamSpec("P")
T = TypeVar("T")


class JournalThread:
    """`await journal.do(Journal.add_slice, facts)`: operations are carried out one after another, in the order they
    were asked for.
    """

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._journal = self._thread.submit(Journal, path).result()

    async def do(self, operation: Callable[Concatenate[Journal, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Carry out one operation of `Journal`."""
        call = asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: operation(self._journal, *args, **kwargs)
        )
        # A cancelled caller must not tear a transaction that others count on; it is carried out all the same.
        return await asyncio.shield(call)

    async def close(self) -> None:
        """Carry out what is queued and let go of the file."""
        await self.do(Journal.close)
        self._thread.shutdown(wait=True)
