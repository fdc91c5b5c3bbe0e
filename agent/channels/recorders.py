"""Recorder processes: asked of the fork server, talked to over a socket pair, killed when they hang.

The fork server (`recorder.process.forkserver`) is the only thing started by exec; it has PyAV loaded and forks a
recorder in milliseconds. Should it die, its recorders end with it or by themselves; the next `spawn` starts another.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import resource
import signal
import socket
import sys

from recorder.errors import ProtocolError
from recorder.protocol import Event, Order, decode, encode

log = logging.getLogger(__name__)

SPAWN_LIMIT_SEC = 10.0
FILES_KEPT = 48
"""Open files that recorders leave to journal, server, uploads and whoever asks how it is: a daemon that can accept no
connection logs hundreds of lines a second, and says nothing any more.
"""
UNKNOWN_STATUS = -signal.SIGHUP
"""Stands for the status of a recorder whose fork server, the only one to be told it, ended first."""
_LINE_LIMIT = 1 << 20


class RecorderGone(Exception):
    """The recorder process, or the fork server, is not there (any more)."""


class Child:
    """A process that the fork server made. The descriptor stands for this process and no later one of its number."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._descriptor = -1  # it is gone already; the fork server says so, or has ended itself

    def kill(self) -> None:
        """End it, unless it has ended."""
        if not self.exited.done() and self._descriptor >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def ended(self, status: int) -> None:
        """It has ended with this status."""
        if not self.exited.done():
            self.exited.set_result(status)
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def watch(self) -> None:
        """Nobody reports its status any more: notice its end ourselves."""
        if self._descriptor < 0:
            self.ended(UNKNOWN_STATUS)
        else:
            asyncio.get_running_loop().add_reader(self._descriptor, self.ended, UNKNOWN_STATUS)


class RecorderProcess:
    """One recorder process: orders in, events out, an exit status at the end."""

    def __init__(self, child: Child, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = child.pid
        self.exited = child.exited
        """Done when the process is: its exit status, negative for a signal."""
        self._child = child
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(0)

    async def order(self, order: Order, descriptor: int | None = None) -> None:
        """Send an order, with a copy of the descriptor that it speaks of; `RecorderGone` when nobody takes it."""
        line = encode(order)
        try:
            if descriptor is not None:
                # Nothing may wait in front of it; the buffer's limit is 0, so `drain` returns when it is empty.
                while self._writer.transport.get_write_buffer_size():
                    await self._writer.drain()
                with self._writer.get_extra_info("socket").dup() as sock:
                    line = line[socket.send_fds(sock, [line], [descriptor]) :]
            self._writer.write(line)
            await self._writer.drain()
        except OSError as error:
            raise RecorderGone(f"recorder {self.pid} does not listen any more") from error

    async def event(self) -> Event | None:
        """The next event; None when the process has closed its end. What does not parse is logged and passed over."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError) as error:
                log.error("recorder %d: unreadable event: %s", self.pid, error)
                return None
            if not line:
                return None
            try:
                return decode(line)  # type: ignore[return-value]  # orders never come from this side
            except ProtocolError as error:
                log.error("recorder %d: %s", self.pid, error)

    def kill(self) -> None:
        """End it at once; what it had on disk is repaired later."""
        self._child.kill()

    async def ended(self, grace_sec: float) -> int:
        """Wait for its end, kill it after the grace; the exit status."""
        try:
            async with asyncio.timeout(grace_sec):  # not wait_for: see `background.within`
                return await asyncio.shield(self.exited)
        except TimeoutError:
            self.kill()
            return await self.exited

    async def close(self) -> None:
        """Close the socket pair: a living recorder finishes its files and exits."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    """For a recorder. `RecorderGone` where this process would have too few files left for everything else."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        raise RecorderGone(f"no recorder process: {error}") from error
    # The kernel gives the lowest number that is free.
    if most != resource.RLIM_INFINITY and max(ours.fileno(), theirs.fileno()) >= most - FILES_KEPT:
        ours.close()
        theirs.close()
        raise RecorderGone(
            f"no recorder process: {most} open files at most are too few for so many channels"
            " (LimitNOFILE= of the unit, or ulimit -n)"
        )
    return ours, theirs


class RecorderHost:
    """The fork server and the recorder processes it made."""

    def __init__(self) -> None:
        self._server: asyncio.subprocess.Process | None = None
        self._socket: socket.socket | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._children: dict[int, Child] = {}
        self._early_exits: dict[int, int] = {}
        self._starting = asyncio.Lock()

    async def spawn(self) -> RecorderProcess:
        """A new recorder process, waiting for its first order. Raises `RecorderGone` when none can be had."""
        ours, theirs = _socket_pair()
        try:
            pid, server = await self._fork(theirs.fileno())
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        child = Child(pid)
        if pid in self._early_exits:
            child.ended(self._early_exits.pop(pid))
        elif server is self._socket:
            self._children[pid] = child
        else:
            child.watch()  # the fork server ended right after its answer
        ours.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_LINE_LIMIT)
        return RecorderProcess(child, reader, writer)

    async def _fork(self, descriptor: int) -> tuple[int, socket.socket]:
        async with self._starting:
            if self._socket is None:
                await self._start()
            server = self._socket
        assert server is not None
        number = next(self._numbers)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            socket.send_fds(server, [json.dumps({"id": number}).encode()], [descriptor])
            async with asyncio.timeout(SPAWN_LIMIT_SEC):
                return await answer, server
        except (OSError, TimeoutError) as error:
            why = str(error) or "no answer"
            if server is self._socket:
                self._lost(f"no recorder process: {why}")
            raise RecorderGone(f"the fork server gives no process: {why}") from error
        finally:
            self._answers.pop(number, None)

    async def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._server = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "recorder.process.forkserver", str(theirs.fileno()), pass_fds=[theirs.fileno()]
            )
        except OSError as error:
            ours.close()
            raise RecorderGone(f"the fork server does not start: {error}") from error
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read, ours)
        log.info("fork server %d started", self._server.pid)

    def _read(self, server: socket.socket) -> None:
        try:
            message = server.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._lost("the fork server ended")
            return
        said = json.loads(message)
        if "exited" in said:
            child = self._children.pop(said["exited"], None)
            if child is None:
                self._early_exits[said["exited"]] = said["status"]
            else:
                child.ended(said["status"])
        elif (answer := self._answers.get(said["id"])) is not None and not answer.done():
            answer.set_result(said["pid"])

    def _lost(self, why: str) -> None:
        if self._socket is None:
            return
        log.error("%s; the next recorder gets a new one", why)
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(RecorderGone(why))
        if self._server is not None and self._server.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._server.kill()  # it may only hang
        self._early_exits.clear()
        for child in self._children.values():
            child.watch()
        self._children.clear()

    async def close(self) -> None:
        """End the fork server; recorders that still run finish their files and exit by themselves."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        if self._server is not None:
            try:
                async with asyncio.timeout(5.0):
                    await self._server.wait()
            except TimeoutError:
                self._server.kill()
                await self._server.wait()
        for child in self._children.values():
            child.ended(UNKNOWN_STATUS)
        self._children.clear()
