"""A bridge at a broker, with a daemon behind it that is as the test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.config.model import MqttSection
from agent.link.relay import answer
from agent.mqtt.bridge import MqttBridge
from agent.status import DaemonView
from agent.wire.codes import Code
from agent.wire.models import Answer, Command
from tests.agent.views import view
from tests.servers.mosquitto import PASSWORD, USER, Broker, Listener

UID = "0123456789abcdef0123456789abcdef"
BASE = "gather/0123456789ab"
LIMIT_SEC = 30.0


class Daemon:
    """What stands behind the bridge."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown = view()
        self.looks = 0
        self.carried: list[Command] = []
        self.held: dict[int, asyncio.Event] = {}
        """Orders for these channels wait."""

    def view(self) -> DaemonView:
        self.looks += 1
        return self.shown

    async def carry_out(self, command: Command) -> Answer:
        if (held := self.held.get(command.data["camera_id"])) is not None:
            await held.wait()
        self.carried.append(command)
        return answer(command.id, Code.OK, {"number": len(self.carried)})


@contextlib.asynccontextmanager
async def bridged(found: Broker, daemon: Daemon, **settings: Any) -> AsyncIterator[MqttBridge]:
    """A bridge that runs."""
    about = {"host": "127.0.0.1", "port": found.port, "user": USER, "password": PASSWORD, **settings}
    made = MqttBridge(MqttSection(**about), UID, view=daemon.view, carry_out=daemon.carry_out, snapshots=daemon.folder)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(found: Broker, topic: str, wanted: Any) -> dict[str, str]:
    """What is retained below the base, as soon as `wanted(payload of topic)`."""
    async with asyncio.timeout(LIMIT_SEC):
        while True:
            retained = await asyncio.to_thread(found.retained, f"{BASE}/#")
            if wanted(retained.get(f"{BASE}/{topic}", "")):
                return retained


async def heard(listener: Listener) -> tuple[str, Any]:
    return await asyncio.to_thread(listener.next)


async def said(caplog: pytest.LogCaptureFixture, words: str) -> str:
    """The log, as soon as it says this."""
    async with asyncio.timeout(LIMIT_SEC):
        while words not in caplog.text:  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0.02)
    return caplog.text
