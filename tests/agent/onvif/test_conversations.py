"""Before a device is asked it is seen at which ports it is there."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import pytest

from agent.onvif import conversations
from agent.onvif.conversations import Conversations, open_ports
from agent.onvif.messages import Answer, Question
from tests.agent.onvif.talks import device, question
from tests.servers.onvif_device import serving


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def test_open_ports_keep_their_order() -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        first, second, third = (one.getsockname()[1] for one in servers)
        ports, _ = await open_ports("127.0.0.1", (third, closed_port(), first, second))
    assert ports == (third, first, second)


async def test_nothing_there_is_named_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "converse", None)
    port = closed_port()
    answer = await Conversations()(question(port))
    assert answer.failure is not None
    assert (answer.failure.cause, f"ports {port}" in answer.failure.detail) == ("unreachable", True)
    answer = await Conversations()(question(port, host="no-such-host.invalid"))
    assert answer.failure is not None
    assert answer.failure.cause == "unreachable"


async def test_a_device_is_asked_where_it_is_there() -> None:
    async with serving(device()) as camera:
        answer = await Conversations()(question(0, ports=(closed_port(), camera.port)))
    assert answer.streams is not None, answer.failure


async def test_devices_that_are_away_keep_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are."""
    talks = Conversations()
    gone, asked = asyncio.Event(), list[Question]()

    async def knock(host: str, ports: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        if host == "there":
            return ports, ""
        await gone.wait()
        return (), "no connection"

    async def converse(one: Question) -> Answer:
        asked.append(one)
        return Answer()

    monkeypatch.setattr(conversations, "open_ports", knock)
    monkeypatch.setattr(conversations, "converse", converse)
    away = [asyncio.create_task(talks(question(80, host=f"away{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await talks(question(80, host="there"))
    assert [one.host for one in asked] == ["there"]
    gone.set()
    await asyncio.gather(*away)
    assert len(asked) == 1
