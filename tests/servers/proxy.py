"""A TCP proxy that does to connections what bad networks do: slow, late, cut, damaged, half closed, refused, silent.

Each connection gets a `Line` from `plan(number)`; `Proxy.line` is what the next ones get where no plan says otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

PIECE = 16 << 10
BURST_SEC = 0.02


@dataclass(frozen=True, slots=True)
class Line:
    """What befalls one connection. Counts are bytes of one direction, from the client (`up`) or to it (`down`).

    `refuse`: reset at once. `swallow`: taken, nothing ever forwarded. `delay_sec`: before each piece. `rate`: bytes a
    second. `cut_up`, `cut_down`: reset after so many. `half_up`: after so many, the server is told that nothing more
    comes, and nothing does. `flip_up`, `flip_down`: the bits of this byte are turned.
    """

    refuse: bool = False
    swallow: bool = False
    delay_sec: float = 0.0
    rate: float = 0.0
    cut_up: int | None = None
    cut_down: int | None = None
    half_up: int | None = None
    flip_up: int | None = None
    flip_down: int | None = None


CLEAN = Line()
Plan = Callable[[int], Line]


class Proxy:
    """Listens on `port` and forwards to the target, as the lines say. `up`, `down`: bytes forwarded so far."""

    def __init__(self, target: tuple[str, int], plan: Plan | None = None) -> None:
        self.line = CLEAN
        self.port = 0
        self.watch: Callable[[str, bytes], None] = lambda way, piece: None
        """Called with "up" or "down" and each piece before it is forwarded."""
        self.window = 0
        """Bytes that the kernel takes in beforehand for a connection (0: megabytes): set it before `serve`."""
        self.connections = self.up = self.down = 0
        self.target, self.plan = target, plan
        self._break_at: int | None = None
        self._moving = asyncio.Event()
        self._moving.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Its address for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[Proxy]:
        """Listen."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=PIECE)
        self.port = server.sockets[0].getsockname()[1]
        if self.window:
            server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.window)
        try:
            yield self
        finally:
            server.close()
            self.thaw()
            self.cut()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=10)

    def cut(self) -> None:
        """Reset every open connection."""
        for writer in list(self._open):
            _reset(writer)

    def break_at(self, up: int) -> None:
        """When so many bytes have gone up over all connections, reset every one, and refuse others until `mend`."""
        self._break_at = up

    def mend(self) -> None:
        """The line is good again."""
        self._break_at, self.line = None, CLEAN

    def freeze(self) -> None:
        """From now on nothing passes, in either direction, and nobody is told: the half-open link of a dead router."""
        self._moving.clear()

    def thaw(self) -> None:
        """Everything passes again."""
        self._moving.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        line = self.plan(self.connections) if self.plan else self.line
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            if line.refuse:
                return
            if line.swallow:
                while await reader.read(PIECE):
                    pass
                return
            far_reader, far = await asyncio.open_connection(*self.target, limit=PIECE)
            self._open.add(far)
            down = replace(line, cut_up=line.cut_down, flip_up=line.flip_down, half_up=None)
            up = asyncio.create_task(self._pump(reader, far, line, "up"))
            back = asyncio.create_task(self._pump(far_reader, writer, down, "down"))
            await asyncio.wait([up, back], return_when=asyncio.FIRST_EXCEPTION)
            up.cancel()
            back.cancel()
            await asyncio.gather(up, back, return_exceptions=True)
        except OSError:
            pass  # the far end is not there: the near one sees a reset
        finally:
            for one in (writer, far):
                if one is not None:
                    self._open.discard(one)
                    _reset(one)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line, way: str) -> None:
        passed, loop = 0, asyncio.get_running_loop()
        began = loop.time()
        while piece := bytearray(await reader.read(PIECE if not line.rate else max(1, int(line.rate * BURST_SEC)))):
            await self._moving.wait()
            if line.delay_sec:
                await asyncio.sleep(line.delay_sec)
            if line.rate:
                await asyncio.sleep(max(0.0, began + passed / line.rate - loop.time()))
            if line.flip_up is not None and passed <= line.flip_up < passed + len(piece):
                piece[line.flip_up - passed] ^= 0xFF
            end = min((at for at in (line.cut_up, line.half_up) if at is not None), default=None)
            keep = piece if end is None else piece[: max(0, end - passed)]
            if way == "up" and self._break_at is not None and self.up + len(keep) >= self._break_at:
                keep, self.line = keep[: max(0, self._break_at - self.up)], Line(refuse=True)
                self._break_at = self.up + len(keep)
            self.watch(way, bytes(keep))
            writer.write(keep)
            await writer.drain()
            passed += len(keep)
            setattr(self, way, getattr(self, way) + len(keep))
            if way == "up" and self.up == self._break_at:
                self.cut()
                raise ConnectionResetError
            if end is not None and passed >= end:
                if end == line.cut_up:
                    raise ConnectionResetError
                break
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as routers and dying machines do: what is under way is lost, and the other end is told."""
    found: socket.socket | None = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def target_of(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    return parts.hostname, parts.port


class Serving(Protocol):
    """What listens inside an async block: a proxy, or a server of the tests."""

    def serve(self) -> contextlib.AbstractAsyncContextManager[object]: ...


@contextlib.contextmanager
def threaded(server: Serving) -> Iterator[Callable[[Callable[[], None]], object]]:
    """Serve it from a thread of its own, for tests without a loop; gives a way to call it there."""
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    ends: list[asyncio.Event] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        ends.append(done := asyncio.Event())
        async with server.serve():
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield loops[0].call_soon_threadsafe
    finally:
        loops[0].call_soon_threadsafe(ends[0].set)
        thread.join(20)
