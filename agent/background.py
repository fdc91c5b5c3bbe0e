"""Tasks that run as long as the daemon does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

from agent.backoff import Backoff

log = logging.getLogger(__name__)

T = TypeVar("T")

HEALTHY_SEC = 60.0


async def within(limit_sec: float, event: asyncio.Event) -> bool:
    """Wait for the event, at most so long; whether it came.

    Not `asyncio.wait_for`: before Python 3.12 that swallows a cancellation which comes together with the event.
    """
    if event.is_set():
        return True
    try:
        async with asyncio.timeout(limit_sec):
            return await event.wait()
    except TimeoutError:
        return False


async def with_pauses(items: Iterable[T], at_once: int) -> AsyncIterator[T]:
    """These, with a turn of the event loop for everybody else after so many.

    For work of many small steps: a thread that computes makes the loop wait for the interpreter's lock, 5 ms whenever
    it has asked the kernel for anything, and as long as it likes where its core is taken away.
    """
    for number, item in enumerate(items, 1):
        yield item
        if number % at_once == 0:
            await asyncio.sleep(0)


async def ended(*tasks: asyncio.Task[None]) -> None:
    """Cancel these until they have ended; what they raise is theirs.

    Once is not enough where a library uses `asyncio.wait_for` (see `within`).
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.2)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that nothing complains that nobody did


async def forever(name: str, job: Callable[[], Awaitable[None]]) -> None:
    """Run the job until cancelled; an error of ours in it is logged with its traceback and the job begins anew."""
    backoff = Backoff()
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await job()
        except Exception:  # a task's boundary: one room's error must not end another's work
            if loop.time() - began > HEALTHY_SEC:
                backoff.reset()
            wait = backoff.next()
            log.exception("%s ended unexpectedly; it begins anew in %.0f s", name, wait)
            await asyncio.sleep(wait)
        else:
            return
