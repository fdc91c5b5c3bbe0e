"""A link with its state behind it, as the daemon has it, and a back-off that tests need not wait for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from agent.clock import SystemClock
from agent.link.client import ServerClient, tls_context
from agent.link.relay import Relay, answer
from agent.link.server import ServerLink
from agent.state import AgentState
from agent.status import Happening
from agent.wire.codes import Code
from agent.wire.models import Answer, Command, Hello, Sync

LIMIT_SEC = 20.0
TIMEOUT_SEC = 2.0


class Waits:
    """Stands for the back-off: notes the waits and makes them short."""

    def __init__(self) -> None:
        self.failures = 0
        self.seen: list[int] = []

    def next(self) -> float:
        self.failures += 1
        self.seen.append(self.failures)
        return 0.01

    def reset(self) -> None:
        self.failures = 0


class Linked:
    """A link with its state."""

    def __init__(
        self, folder: Path, url: str, enrol_key: str, ca_file: Path | None = None, timeout_sec: float = TIMEOUT_SEC
    ) -> None:
        self.state = AgentState(folder)
        self.client = ServerClient(url, lambda: self.state.token, tls_context(ca_file), timeout_sec)
        self.told: list[Happening] = []
        self.changed = asyncio.Event()
        self.registrations = 0
        self.on_registered: Callable[[], None] = lambda: None
        self.syncs = 0
        self.done: list[str] = []
        self.waiting = self.most_waiting = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.relay = Relay(
            self.client.tls,
            hello=lambda: Hello(gather_id=self.state.known.gather_id),
            on_sync=self._sync,
            on_command=self._command,
        )
        self.link = ServerLink(
            self.client,
            self.relay,
            self.state,
            SystemClock(),
            name="Room 301",
            enrol_key=enrol_key,
            on_registered=self._registered,
            tell=self._tell,
        )

    async def _sync(self, sync: Sync) -> None:
        self.state.take_sync(sync)
        self.syncs += 1
        asyncio.get_running_loop().call_soon(self.changed.set)

    async def _command(self, command: Command) -> Answer:
        self.waiting += 1
        self.most_waiting = max(self.waiting, self.most_waiting)
        self.changed.set()
        await self.gate.wait()
        self.waiting -= 1
        self.done.append(command.id)
        self.changed.set()
        return answer(command.id, Code.OK)

    async def _registered(self) -> None:
        self.registrations += 1
        self.on_registered()
        self.changed.set()

    def _tell(self, happening: Happening) -> None:
        self.told.append(happening)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_SEC):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def polled(self, condition: Callable[[], bool]) -> None:
        """Wait for what has no event."""
        async with asyncio.timeout(LIMIT_SEC):
            while not condition():  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.link.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.client.close()
