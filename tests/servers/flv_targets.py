"""Push targets on loopback: one that takes FLV by HTTP and keeps it, and some that behave as no server should."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Behaviour = Literal["take", "refuse", "silent", "shake_hands", "stop_reading", "hang_up"]
_HANDSHAKE = 1536
"""Bytes of RTMP's C1 and S1: "shake_hands" answers those, and nothing behind them."""
_TAKEN_BEFORE = 20_000
"""Bytes that "stop_reading" and "hang_up" take first."""


@dataclass
class FlvTarget:
    """`requests` are the heads, `bodies` the FLV of each request without its chunks."""

    port: int
    requests: list[str] = field(default_factory=list)
    bodies: list[bytearray] = field(default_factory=list)
    connections: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    sockets: list[socket.socket] = field(default_factory=list)
    over: bool = False

    def url(self, path: str = "live/x", scheme: str = "http") -> str:
        """The address to push to."""
        return f"{scheme}://127.0.0.1:{self.port}/{path}"

    def body(self, request: int) -> bytes:
        """What has come of a request's FLV so far: a copy, as it grows meanwhile."""
        with self.changed:
            return bytes(self.bodies[request])

    def wait_for(self, condition: Callable[[], bool], limit_sec: float = 30.0) -> None:
        """Until something came that makes it true."""
        with self.changed:
            assert self.changed.wait_for(condition, limit_sec), (self.requests, [len(body) for body in self.bodies])


@contextlib.contextmanager
def flv_target(behaviour: Behaviour = "take") -> Iterator[FlvTarget]:
    """Listens until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if behaviour == "stop_reading":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        target = FlvTarget(listener.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(listener, target, behaviour))
        thread.start()
        try:
            yield target
        finally:
            with target.changed:
                target.over = True
                target.changed.notify_all()
            listener.shutdown(socket.SHUT_RDWR)
            for connection in target.sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, target: FlvTarget, behaviour: Behaviour) -> None:
    threads: list[threading.Thread] = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            break
        with target.changed:
            target.connections += 1
            target.sockets.append(connection)
            target.changed.notify_all()
        threads.append(threading.Thread(target=_serve, args=(connection, target, behaviour)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _serve(connection: socket.socket, target: FlvTarget, behaviour: Behaviour) -> None:
    with connection, contextlib.suppress(OSError), contextlib.ExitStack() as open_for:
        if behaviour == "silent":
            _wait_for_the_end(target)
            return
        if behaviour == "shake_hands":
            hello = connection.recv(1 + _HANDSHAKE, socket.MSG_WAITALL)
            connection.sendall(b"\x03" + bytes(_HANDSHAKE) + hello[1:])
            _wait_for_the_end(target)
            return
        stream = open_for.enter_context(connection.makefile("rb"))
        head = b"".join(iter(stream.readline, b"\r\n"))
        if not head:
            return
        with target.changed:
            target.requests.append(head.decode())
            target.changed.notify_all()
        if behaviour == "refuse":
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        body = bytearray()
        with target.changed:
            target.bodies.append(body)  # before the push calls itself live, which has tests look for it
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while size := int(stream.readline() or b"0", 16):
            data = stream.read(size)
            stream.readline()
            with target.changed:
                body += data
                target.changed.notify_all()
            if behaviour != "take" and len(body) > _TAKEN_BEFORE:
                if behaviour == "stop_reading":
                    _wait_for_the_end(target)
                return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def _wait_for_the_end(target: FlvTarget) -> None:
    """Until the test ends, without reading a byte."""
    with target.changed:
        target.changed.wait_for(lambda: target.over)


def header(request: str, name: str) -> str:
    """A header of a request, empty where there is none."""
    match = re.search(rf"^{name}: (.*?)\r?$", request, re.MULTILINE | re.IGNORECASE)
    return match[1] if match else ""
