"""The daemon's conversations with devices: each in a process of its own, some at a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys

from pydantic import ValidationError

from agent.onvif.messages import Answer, Failure, Question

AT_ONCE = 4
KNOCK_SEC = 3.0
"""In this time a camera in the same building opens a connection, also over a bad radio link."""
_OTHERS_SEC = 0.3  # for the other ports, when one is open
_START_SEC = 15.0  # for the process to come up and go on a slow PC that has much else to do


class Conversations:
    """Asks devices; called with a question, it answers and never raises for what device or process do.

    First it is seen which of the ports are open, for all devices at once and without a process: cameras that are
    switched off keep nobody waiting, and a port where a wall swallows everything costs no time of the conversation.
    """

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, question: Question) -> Answer:
        """The device's answer, or what keeps it from giving one."""
        ports, why = await open_ports(question.host, question.ports)
        if not ports:
            asked = ", ".join(map(str, question.ports))
            detail = f"{question.host}: {why} at any of the ports {asked}"
            return Answer(failure=Failure(cause="unreachable", detail=detail))
        async with self._room:
            return await converse(question.model_copy(update={"ports": ports}))


async def open_ports(host: str, ports: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Those that open a connection, in their order; where none does, why not the first."""

    async def knock(port: int) -> None:
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    knocks = {asyncio.create_task(knock(port)): port for port in ports}
    left: set[asyncio.Task[None]] = set(knocks)
    try:
        loop = asyncio.get_running_loop()
        until = loop.time() + KNOCK_SEC
        while left and loop.time() < until:
            done, left = await asyncio.wait(left, timeout=until - loop.time(), return_when=asyncio.FIRST_COMPLETED)
            if any(one.exception() is None for one in done):
                until = min(until, loop.time() + _OTHERS_SEC)
    finally:
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    failed = {port: one.exception() for one, port in knocks.items() if not one.cancelled()}
    found = tuple(port for port in ports if port in failed and failed[port] is None)
    return found, _words(failed.get(ports[0]))


def _words(error: BaseException | None) -> str:
    match error:
        case None:
            return f"no answer in {KNOCK_SEC:.0f} s"
        case ConnectionRefusedError():
            return "connections are refused"
        case socket.gaierror():
            return "its name cannot be resolved"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)
    return str(error) or type(error).__name__


async def converse(question: Question) -> Answer:
    """One conversation, in a process that is ended when it takes too long."""
    limit_sec = _START_SEC + question.limit_sec * len(question.ports)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent.onvif.conversation"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(limit_sec):
            out, _ = await process.communicate(question.model_dump_json().encode())
        return Answer.model_validate_json(out)
    except TimeoutError:
        failure = Failure(cause="timeout", detail=f"{question.host}: no answer over ONVIF within {limit_sec:.0f} s")
    except ValidationError:
        status = process.returncode
        failure = Failure(cause="unusable", detail=f"{question.host}: the ONVIF conversation broke off ({status})")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Answer(failure=failure)
