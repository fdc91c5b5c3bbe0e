"""The way out of a spool: uploads and reports over one journal, as the daemon wires them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from agent.clock import Clock
from agent.link.client import ServerClient
from agent.reports import Reports
from agent.spool.uploads import Uploads
from agent.storage.base import Storage
from agent.wire.models import StatusReport
from tests.agent.spool.filled import News, Pauses, Spool


class Outward:
    """Another one over the same spool is its agent's restart."""

    def __init__(
        self,
        spool: Spool,
        client: ServerClient,
        storage: Callable[[], Storage | None],
        clock: Clock,
        *,
        parallel: int = 2,
        retry_max_sec: float = 60.0,
        status: Callable[[], StatusReport] = StatusReport,
    ) -> None:
        self.spool, self.client, self.clock = spool, client, clock
        self.news, self.pauses = News(), Pauses()
        self.uploads = Uploads(
            spool.journal,
            storage,
            clock,
            parallel=parallel,
            retry_max_sec=retry_max_sec,
            keep_trying=lambda: True,
            on_uploaded=lambda: self.reports.wake(),  # noqa: PLW0108 - made below
            tell=self.news,
            gave_up=self.pauses.gave_up,
            give_up=self.pauses.give_up,
        )
        self.reports = Reports(
            spool.journal,
            client,
            storage,
            clock,
            status=status,
            on_confirmed=self.news,
            on_lost=self.uploads.wake,
            tell=self.news,
        )

    @contextlib.asynccontextmanager
    async def running(self, *, uploads: bool = True) -> AsyncIterator[None]:
        """Both at work, or the reports alone."""
        jobs = [self.reports.run()] + ([self.uploads.run()] if uploads else [])
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
