"""The sockets of one RTSP connection. None ever blocks: waiting is done in one place, where it can be woken."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import threading
from collections.abc import Iterable
from contextlib import suppress

from recorder.clocks import monotonic
from recorder.errors import SourceError

UDP_BUFFER_BYTES = 4 << 20
_DATAGRAM_BYTES = 65_536
_FIRST_PORT, _LAST_PORT = 20_000, 60_000
_PORT_TRIES = 64


class Wake:
    """Ends a wait from another thread, now and for ever: `set` may be called by anyone, at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.is_set = False

    def set(self) -> None:
        """Whoever waits, or will, wakes."""
        with self._lock:
            self.is_set = True
            if self._fd >= 0:
                os.eventfd_write(self._fd, 1)

    def fileno(self) -> int:
        """For `poll`."""
        return self._fd

    def close(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1


class Stopped(Exception):
    """The wait was ended by `Wake`."""


def wait(wake: Wake | None, readable: Iterable[int], writable: int, until: float) -> set[int]:
    """Those that are ready, none at monotonic `until`. Raises `Stopped`."""
    poll = select.poll()
    for descriptor in readable:
        poll.register(descriptor, select.POLLIN)
    if writable >= 0:
        poll.register(writable, select.POLLOUT)
    if wake is not None:
        if wake.is_set:
            raise Stopped
        poll.register(wake.fileno(), select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll(max(0.0, until - monotonic()) * 1000)}
    if wake is not None and wake.is_set:
        raise Stopped
    return ready


class Connection:
    """A TCP connection, with `tls` inside it. Errors are `OSError`, of a limit `TimeoutError`; `Stopped` when woken.

    A camera's certificate is its own: TLS keeps listeners out, it does not tell who the camera is.
    """

    def __init__(self, wake: Wake) -> None:
        self._wake: Wake | None = wake
        self._socket: socket.socket | None = None
        self._tls = False

    @property
    def peer(self) -> str:
        """The camera's address."""
        return str(self._live.getpeername()[0])

    @property
    def local(self) -> tuple[int, str]:
        """Family and own address of the connection."""
        return self._live.family, str(self._live.getsockname()[0])

    def fileno(self) -> int:
        """For `poll`."""
        return self._live.fileno()

    def open(self, host: str, port: int, tls: bool, until: float) -> None:
        """Connect to the first address that answers."""
        error: OSError = OSError(0, "no address")
        for family, kind, protocol, _, address in self._resolved(host, port, until):
            made = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
            try:
                self._connect(made, address, until)
            except OSError as failed:
                made.close()
                error = failed
                continue
            except BaseException:
                made.close()
                raise
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = made
            break
        else:
            raise error
        if tls:
            self._encrypt(host, until)

    def send(self, data: bytes, until: float) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._live.send(rest) :]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if not wait(self._wake, (), self.fileno(), until) and monotonic() >= until:
                    raise TimeoutError("the camera takes nothing") from None

    def receive(self, into: memoryview) -> int:
        """Bytes received, 0 where none are there. Raises `EOFError` at the end."""
        try:
            count = self._live.recv_into(into)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        if not count:
            raise EOFError
        return count

    def set_low_water(self, count: int) -> None:
        """Below so many bytes a wait for data goes on (`SO_RCVLOWAT`)."""
        with suppress(OSError):
            self._live.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)

    @property
    def in_pieces(self) -> bool:
        """Whether there may be more where a receive was not filled: TLS gives one record at a time."""
        return self._tls

    def detach_wake(self) -> None:
        """From now on nothing ends a wait but its limit: the last words are not to be interrupted."""
        self._wake = None

    def close(self) -> None:
        """Hang up."""
        gone, self._socket = self._socket, None
        if gone is not None:
            gone.close()

    @property
    def _live(self) -> socket.socket:
        if self._socket is None:
            raise OSError(errno.ENOTCONN, "not connected")
        return self._socket

    def _resolved(self, host: str, port: int, until: float) -> list[tuple]:  # type: ignore[type-arg]
        """Addresses of a host. Nothing interrupts a resolver: it is asked in a thread, which may be left behind."""
        if _is_literal(host):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answer: list[list[tuple] | OSError] = []  # type: ignore[type-arg]
        done = Wake()

        def ask() -> None:
            try:
                answer.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                answer.append(error if isinstance(error, OSError) else OSError(0, "not a host name"))
            done.set()

        threading.Thread(target=ask, name="resolver", daemon=True).start()
        try:
            wait(self._wake, [done.fileno()], -1, until)
        finally:
            done.close()
        if not answer:
            raise OSError(0, f"the name {host} was not resolved in time")
        if isinstance(answer[0], OSError):
            raise answer[0]
        return answer[0]

    def _connect(self, made: socket.socket, address: tuple[object, ...], until: float) -> None:
        problem = made.connect_ex(address)
        if problem == errno.EINPROGRESS:
            if not wait(self._wake, (), made.fileno(), until):
                raise TimeoutError(errno.ETIMEDOUT, "no answer")
            problem = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise OSError(problem, os.strerror(problem))

    def _encrypt(self, host: str, until: float) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        wrapped = context.wrap_socket(self._live, server_hostname=host, do_handshake_on_connect=False)
        self._socket, self._tls = wrapped, True
        while True:
            try:
                wrapped.do_handshake()
            except ssl.SSLWantReadError:
                ready = wait(self._wake, [wrapped.fileno()], -1, until)
            except ssl.SSLWantWriteError:
                ready = wait(self._wake, (), wrapped.fileno(), until)
            else:
                return
            if not ready:
                raise TimeoutError("no TLS in time")


class PortPair:
    """Two UDP sockets, RTP on an even port and RTCP on the next one (RFC 3550, 11), taking packets of one host only."""

    def __init__(self, family: int, local: str, peer: str) -> None:
        self._peer = peer
        self._buffer = bytearray(_DATAGRAM_BYTES)
        self._view = memoryview(self._buffer)
        start = int.from_bytes(os.urandom(2), "big") % ((_LAST_PORT - _FIRST_PORT) // 2) * 2 + _FIRST_PORT
        for port in range(start, start + 2 * _PORT_TRIES, 2):
            made = [_bound(family, local, port + number) for number in (0, 1)]
            if made[0] is not None and made[1] is not None:
                self.rtp, self.rtcp, self.port = made[0], made[1], port
                break
            for one in made:
                if one is not None:
                    one.close()
        else:
            raise SourceError("unusable", "no two UDP ports side by side are free")
        for option in (socket.SO_RCVBUF, getattr(socket, "SO_RCVBUFFORCE", 33)):
            try:
                self.rtp.setsockopt(socket.SOL_SOCKET, option, UDP_BUFFER_BYTES)
            except OSError:  # without the right to go beyond the system's limit
                continue

    def open_way(self, ports: tuple[int, int]) -> None:
        """Send something first, so that whatever stands in between lets the camera's packets through."""
        for one, port in ((self.rtp, ports[0]), (self.rtcp, ports[1])):
            try:
                one.sendto(
                    b"\x80" + bytes(11) if one is self.rtp else b"\x80\xc9\x00\x01" + bytes(4), (self._peer, port)
                )
            except OSError:
                continue

    def receive(self, one: socket.socket) -> memoryview | None:
        """The next datagram of the camera, valid until the next call; None where none is there."""
        while True:
            try:
                count, sender = one.recvfrom_into(self._buffer)
            except BlockingIOError:
                return None
            except ConnectionRefusedError:  # what was sent first met a closed port: that says nothing
                continue
            if sender[0] == self._peer:
                return self._view[:count]

    def close(self) -> None:
        """Let both go."""
        self.rtp.close()
        self.rtcp.close()


def _bound(family: int, local: str, port: int) -> socket.socket | None:
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        made.bind((local, port))
    except OSError:
        made.close()
        return None
    return made


def _is_literal(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return True
    return False
