"""How much of a request's body is waited for, and how long. Uploads and live pictures have bounds of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

MOST_BYTES = 1 << 20
"""What anybody may send: forms, and the changes of the console."""
MOST_REPORT_BYTES = 16 << 20
"""What an agent may send that has proved who it is: a term's lessons in one report."""
BODY_SECONDS = 60.0
"""A body that takes longer is given up (408): half-sent ones would hold memory and a connection for ever."""


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """A body is read in time, or the request is refused."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            yield
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the request did not come within {BODY_SECONDS:.0f} s") from error
