"""Recorder processes and their fork server: made, killed, hung, lost."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.channels.recorders import FILES_KEPT, UNKNOWN_STATUS, RecorderGone, RecorderHost, RecorderProcess
from recorder.protocol import CloseChannel, Trouble
from tests.agent.spool.filled import eventually

LIMIT_SEC = 10.0


@pytest.fixture
async def host() -> AsyncIterator[RecorderHost]:
    host = RecorderHost()
    yield host
    await host.close()


def server_pid(host: RecorderHost) -> int:
    assert host._server is not None
    return host._server.pid


async def end(process: RecorderProcess) -> int:
    await process.close()
    return await process.ended(LIMIT_SEC)


async def test_orders_go_in_and_the_end_comes_out(host: RecorderHost) -> None:
    first, second = await asyncio.gather(host.spawn(), host.spawn())
    assert first.pid != second.pid
    await first.order(CloseChannel())
    assert await asyncio.wait_for(first.event(), LIMIT_SEC) is None
    assert await end(first) == 0
    second.kill()
    assert await end(second) == -signal.SIGKILL
    second.kill()  # once more does nothing


async def test_what_is_said_is_an_event_and_its_end_is_none(host: RecorderHost) -> None:
    process = await host.spawn()
    process._writer.write(b"{nonsense}\n")
    event = await asyncio.wait_for(process.event(), LIMIT_SEC)
    assert isinstance(event, Trouble)
    assert await asyncio.wait_for(process.event(), LIMIT_SEC) is None
    assert await end(process) == 0


async def test_one_that_does_not_end_is_killed(host: RecorderHost) -> None:
    process = await host.spawn()
    os.kill(process.pid, signal.SIGSTOP)
    await process.close()
    assert await process.ended(0.2) == -signal.SIGKILL


async def test_the_fork_server_is_killed_and_the_next_spawn_works(host: RecorderHost) -> None:
    before = await host.spawn()
    os.kill(server_pid(host), signal.SIGKILL)
    assert host._server is not None
    await asyncio.wait_for(host._server.wait(), LIMIT_SEC)
    old = server_pid(host)
    after = await _spawned(host)
    assert server_pid(host) != old
    os.kill(before.pid, 0)  # lives on
    await after.order(CloseChannel())
    assert await end(after) == 0
    await before.order(CloseChannel())
    assert await asyncio.wait_for(before.event(), LIMIT_SEC) is None
    assert await end(before) == UNKNOWN_STATUS


async def _spawned(host: RecorderHost) -> RecorderProcess:
    try:
        return await host.spawn()
    except RecorderGone:  # the request met the end of the old one
        return await host.spawn()


async def test_a_hung_recorder_can_be_killed_even_when_its_fork_server_is_gone(host: RecorderHost) -> None:
    process = await host.spawn()

    async def stands_alone() -> bool:
        return (await asyncio.to_thread(Path(f"/proc/{process.pid}/comm").read_text)).strip() == "gather-recorder"

    await eventually(stands_alone)
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(server_pid(host), signal.SIGKILL)
    await (await _spawned(host)).close()
    assert not process.exited.done()
    process.kill()
    assert await asyncio.wait_for(process.exited, LIMIT_SEC) == UNKNOWN_STATUS
    await process.close()


async def test_a_hung_fork_server_is_replaced(host: RecorderHost, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await host.spawn()).close()
    monkeypatch.setattr("agent.channels.recorders.SPAWN_LIMIT_SEC", 0.3)
    hung = host._server
    assert hung is not None
    os.kill(hung.pid, signal.SIGSTOP)
    with pytest.raises(RecorderGone, match="no answer"):
        await host.spawn()
    monkeypatch.undo()
    assert await end(await host.spawn()) == 0
    assert await asyncio.wait_for(hung.wait(), LIMIT_SEC) == -signal.SIGKILL


async def test_no_fork_server_at_all(host: RecorderHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    with pytest.raises(RecorderGone, match="does not start"):
        await host.spawn()


async def test_recorders_leave_files_for_everything_else() -> None:
    host, processes = RecorderHost(), []
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as the kernel lists them
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken + FILES_KEPT + 12, before[1]))
    try:
        with pytest.raises(RecorderGone, match="LimitNOFILE"):
            while True:
                processes.append(await host.spawn())
        assert processes, "some find room"
        left = [socket.socket() for _ in range(FILES_KEPT - 8)]
        for one in left:
            one.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for process in processes:
            await process.close()
        await host.close()
