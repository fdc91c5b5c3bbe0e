"""The agent's rooms as its commands reach them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.commands import Commands
from agent.live import Lives, LiveSetup
from agent.onvif.devices import Devices
from agent.spool.uploads import Uploads
from agent.state import AgentState
from agent.status import DaemonView, Happening
from agent.wire.codes import Code
from agent.wire.models import Answer, Command
from tests.agent.rooms import Rooms
from tests.agent.spool.filled import Pauses


class Agent:
    """Commands over rooms; `told` and `relayed` (with the monotonic time, `at`) is what pushes said."""

    def __init__(self, rooms: Rooms, folder: Path, ca_file: str = "") -> None:
        self.rooms, self.folder = rooms, folder
        self.pauses = Pauses()
        self.told: list[Happening] = []
        self.relayed: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self.uploads = Uploads(
            rooms.journal,
            lambda: None,
            rooms.clock,
            parallel=1,
            retry_max_sec=1.0,
            keep_trying=lambda: True,
            on_uploaded=lambda: None,
            tell=lambda _: None,
            gave_up=self.pauses.gave_up,
            give_up=self.pauses.give_up,
            held=lambda: rooms.state.known.uploads_held,
        )
        self.lives = Lives(
            LiveSetup(
                rooms.host,
                rooms.fleet.channels,
                rooms.clock,
                server="http://127.0.0.1",
                token=lambda: "agent-token",
                ca_file=ca_file,
                tell=self.told.append,
                relay=lambda name, data: self.relayed.append(data | {"at": time.monotonic()}),
                on_change=self.changed.set,
            )
        )
        self.commands = Commands(
            rooms.state,
            rooms.fleet.channels,
            self.uploads,
            rooms.clock,
            self.lives,
            devices=Devices(folder / "state", lambda: rooms.state.known.gather, rooms.clock.monotonic),
            reconcile=rooms.fleet.reconcile,
            view=lambda: DaemonView(now=1.0, version="0", pid=1),
        )

    async def answer(self, cmd: str, rev: int = 0, **data: Any) -> Answer:
        return await self.commands.carry_out(Command(id="x", cmd=cmd, rev=rev, data=data))

    async def ok(self, cmd: str, rev: int = 0, **data: Any) -> dict[str, Any]:
        answer = await self.answer(cmd, rev, **data)
        assert answer.err_code == 0, answer
        assert answer.id == "x"
        return answer.data

    async def code(self, cmd: str, **data: Any) -> Code:
        answer = await self.answer(cmd, **data)
        assert answer.err_msg
        return Code(answer.err_code)

    async def until(self, condition: Callable[[], bool], limit_sec: float = 45.0) -> None:
        """Wait for what pushes say."""
        async with asyncio.timeout(limit_sec):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    @property
    def on_disk(self) -> AgentState:
        """The state as a restart would find it."""
        return AgentState(self.folder / "state")
