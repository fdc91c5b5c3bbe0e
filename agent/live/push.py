"""One attempt to push a channel: a live process from its first order to its end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from agent.channels.channel import Channel
from agent.channels.recorders import RecorderGone, RecorderHost, RecorderProcess
from agent.clock import Clock
from recorder.protocol import CloseChannel, LiveChanged, LivePulse, PushLive, Trouble
from recorder.specs import LiveCause

log = logging.getLogger(__name__)

END_SEC = 1.0
"""So long a live process may take to say goodbye to its server; it has nothing to lose."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Why an attempt is over, and for how long it had been live."""

    cause: LiveCause
    detail: str
    live_sec: float


class Attempt:
    """The live process and what it says. `begin`, then `wait` until it is `over` or not wanted, then `end`."""

    def __init__(
        self, process: RecorderProcess, shown: str, clock: Clock, on_change: Callable[[LiveChanged], None]
    ) -> None:
        self.pulse: LivePulse | None = None
        self._shown = shown
        self._process, self._clock, self._on_change = process, clock, on_change
        self._last = LiveChanged("waiting")
        self._live_at: float | None = None
        self._listening = asyncio.create_task(self._listen(), name=f"live process {process.pid}")

    @classmethod
    async def begin(
        cls,
        host: RecorderHost,
        channel: Channel,
        order: PushLive,
        *,
        shown: str,
        clock: Clock,
        on_change: Callable[[LiveChanged], None],
    ) -> Self:
        """A new process, fed by the channel's recorder; `shown` is its target for people. Raises `RecorderGone` when
        there is none of either.
        """
        recorders_end, live_end = socket.socketpair()
        with recorders_end, live_end:
            process = await host.spawn()
            attempt = cls(process, shown, clock, on_change)
            try:
                await process.order(order, live_end.fileno())
                await channel.feed_live(recorders_end.fileno())
            except RecorderGone:
                process.kill()
                await attempt.end()
                raise
        return attempt

    @property
    def over(self) -> bool:
        """Whether the process has said its last word."""
        return self._listening.done()

    async def wait(self, turn: asyncio.Event, limit_sec: float) -> None:
        """Until it is over, the event is set, or the time is up."""
        turning = asyncio.create_task(turn.wait())
        await asyncio.wait({self._listening, turning}, timeout=limit_sec, return_when=asyncio.FIRST_COMPLETED)
        turning.cancel()

    async def end(self) -> Ended:
        """Have it end, by force if need be; why it did."""
        try:
            if not self.over:
                await self._process.order(CloseChannel())
                await asyncio.wait([self._listening], timeout=END_SEC)
        except RecorderGone:
            await asyncio.wait([self._listening], timeout=END_SEC)
        finally:
            if not self.over:
                self._process.kill()
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            await self._process.close()
        status = await self._process.ended(END_SEC)
        live_sec = 0.0 if self._live_at is None else self._clock.monotonic() - self._live_at
        if self._last.state == "ended" and self._last.cause is not None:
            return Ended(self._last.cause, self._last.detail, live_sec)
        if status == -signal.SIGALRM:
            if self._live_at is None:
                return Ended("timeout", f"{self._shown}: the server does not answer", live_sec)
            return Ended("stalled", f"{self._shown}: the server takes nothing any more", live_sec)
        return Ended("crashed", f"the live process ended with status {status}", live_sec)

    async def _listen(self) -> None:
        while (event := await self._process.event()) is not None:
            match event:
                case LiveChanged():
                    self._last = event
                    if event.state == "live":
                        self._live_at = self._clock.monotonic()
                    self._on_change(event)
                case LivePulse():
                    self.pulse = event
                case Trouble():
                    log.warning("live process %d: %s", self._process.pid, event.detail)
                case _:
                    pass
