"""The recorder's end of the socket pair: orders in, events out, one JSON object a line.

Any thread may tell; only the main thread writes, so that a daemon that does not listen holds up no packet.
Orders about live come with a socket: its descriptor travels with the order's first byte.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from recorder.errors import ProtocolError
from recorder.protocol import Event, Order, decode, encode

_READ_BYTES = 64 << 10
_BACKLOG_BYTES = 8 << 20
_MAX_DESCRIPTORS = 4


class DaemonLink:
    """`tell` from any thread; `listen` and `flush` from the main thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        sock.setblocking(False)
        self._events: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._out = bytearray()
        self._in = bytearray()
        self._descriptors: deque[int] = deque()
        self._closing = threading.Lock()
        self._closed = False
        self.ended = False

    def tell(self, event: Event) -> None:
        """Send an event soon; after `close` it is lost."""
        self._events.put(encode(event))
        with self._closing, suppress(BlockingIOError):  # already woken
            if not self._closed:
                os.write(self._wake_in, b"\0")

    def tell_at_once(self, event: Event) -> None:
        """Send an event from the main thread before it turns to something that may take long."""
        self.tell(event)
        self.flush(1.0)

    def listen(self, timeout: float) -> Iterator[Order | Event]:
        """Send what waits, give the orders that come within `timeout` seconds; `ended` when the daemon is gone."""
        if b"\n" in self._in:
            timeout = 0.0
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | (select.POLLOUT if self._out else 0))
        poll.register(self._wake_out, select.POLLIN)
        for fd, _ in poll.poll(timeout * 1000):
            if fd == self._wake_out:
                os.read(self._wake_out, _READ_BYTES)
        self._receive()
        self._send()
        while (end := self._in.find(b"\n")) >= 0:
            line = bytes(self._in[:end])
            del self._in[: end + 1]
            yield decode(line)

    def take_descriptor(self) -> int:
        """The socket that came with the order just given; `ProtocolError` when none did."""
        if not self._descriptors:
            raise ProtocolError("an order without the socket that it speaks of")
        return self._descriptors.popleft()

    def fileno(self) -> int:
        """For waiting until `listen` has something to give."""
        return self._sock.fileno()

    def flush(self, timeout: float) -> None:
        """Send everything that was told, for at most `timeout` seconds a step."""
        self._send()
        while self._out and not self.ended:
            poll = select.poll()
            poll.register(self._sock, select.POLLOUT)
            if not poll.poll(timeout * 1000):
                return
            self._send()

    def close(self) -> None:
        """Close the socket; a thread that hangs in a library may still tell something later."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._sock.close()
            for descriptor in self._descriptors:
                os.close(descriptor)
            os.close(self._wake_in)
            os.close(self._wake_out)

    def _receive(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._sock, _READ_BYTES, _MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
            self._descriptors.extend(descriptors)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self.ended = True
        self._in += data
        if len(self._in) > _BACKLOG_BYTES:
            raise ProtocolError("an order without end")

    def _send(self) -> None:
        while True:
            try:
                self._out += self._events.get_nowait()
            except queue.Empty:
                break
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except BlockingIOError:
            pass
        except ConnectionError:
            self.ended = True
            self._out.clear()
