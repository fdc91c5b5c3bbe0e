"""HTTP to one device: what it sends is bounded in bytes and time, and nobody is followed elsewhere.

Plain sockets: a conversation is a process of its own, with nothing else to do.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from recorder.source.rtsp.auth import Login as HttpLogin

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_BYTES = 2 << 20
"""A camera with a hundred profiles needs a tenth of it."""
_UNAUTHORIZED = 401
_COMPLETE = re.compile(rb"</(?:[\w.-]+:)?Envelope\s*>\s*$")
"""Devices that do not say how long their answer is may leave the connection open behind it."""
_END_BYTES = 200


class Unreachable(Exception):
    """No connection, or one that broke."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; `date` and `location` are headers of it, empty where they are not there.

    `wants_clear`: it asks for the password in clear text, and gets none. `knew`: it was asked with HTTP's digest.
    """

    status: int
    content: bytes
    date: str
    location: str = ""
    wants_clear: bool = False
    knew: bool = False


class Line:
    """Posts to a device at one port. Behind `deadline` (monotonic) comes `TimeoutError`.

    HTTP's Digest is answered where a device asks for it: some want that beside the one of WS-Security, some instead.
    """

    def __init__(self, host: str, port: int, user: str, password: str, *, tls: bool = False) -> None:
        self.host, self.port = host, port
        self._login = HttpLogin(user, password)
        self._login.basic_allowed = tls
        self._tls = tls
        self.deadline = 0.0

    def post(self, path: str, body: bytes, action: str, *, login: bool = True) -> Reply:
        """One request; with `login` a second one with the digest where the first is refused for want of it.

        No third one: cameras count wrong passwords. Raises `Unreachable`.
        """
        reply, offered = self._once(path, body, action, login)
        if reply.status == _UNAUTHORIZED and login and self._login.refused(offered):
            reply, _ = self._once(path, body, action, login)
        if login and reply.status != _UNAUTHORIZED:
            self._login.accepted()
        return reply

    def _once(self, path: str, body: bytes, action: str, login: bool) -> tuple[Reply, list[str]]:
        connection = self._connection()
        headers: dict[str, str | bytes] = {
            "Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"',
            "SOAPAction": f'"{action}"',  # of SOAP 1.1: there are devices that look nowhere else
            "Connection": "close",
        }
        if login and (known := self._login.header("POST", path)) is not None:
            headers["Authorization"] = known.encode()
        sock: socket.socket | None = None
        try:
            connection.connect()
            sock = connection.sock
            connection.sock = cast(socket.socket, _Timed(sock, self._left))
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            content = _unpacked(self._read(answer), answer.headers.get("Content-Encoding", ""))
            offered = [_in_utf8(one) for one in answer.headers.get_all("WWW-Authenticate", [])]
            known_header = answer.headers.get
            return (
                Reply(
                    answer.status,
                    content,
                    known_header("Date", ""),
                    known_header("Location", ""),
                    wants_clear=bool(offered) and all(one.lower().startswith("basic") for one in offered),
                    knew="Authorization" in headers,
                ),
                offered,
            )
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(_words(error)) from error
        finally:
            connection.close()
            if sock is not None:
                sock.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=self._left())
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # cameras have made theirs themselves
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # and years ago
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        return http.client.HTTPSConnection(self.host, self.port, timeout=self._left(), context=context)

    @staticmethod
    def _read(answer: http.client.HTTPResponse) -> bytes:
        content = bytearray()
        try:
            while piece := answer.read1(64 << 10):
                content += piece
                if answer.length is None and _COMPLETE.search(content[-_END_BYTES:]):
                    break
                if len(content) > MOST_BYTES:
                    raise Unreachable(f"the answer has more than {MOST_BYTES >> 20} MiB")
        except http.client.IncompleteRead as error:
            content += error.partial  # a Content-Length that is too large: what there is may be all there is
        return bytes(content)

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Timed:
    """A connected socket as `http.client` uses one, each of whose reads has what is left of the time: else a device
    that sends a header byte by byte would have the limit for each of them.
    """

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock, self._left = sock, left

    def makefile(self, _mode: str) -> io.BufferedReader:
        """For reading."""
        return io.BufferedReader(_Reads(self._sock, self._left))

    def sendall(self, content: bytes) -> None:
        """As of a socket."""
        self._sock.settimeout(self._left())
        self._sock.sendall(content)

    def close(self) -> None:
        """The connection lets go of it when the answer begins; it is closed by who has opened it."""


class _Reads(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock, self._left = sock, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(self._left())
        return self._sock.recv_into(buffer)


def _in_utf8(header: str) -> str:
    """A header, which `http.client` reads as Latin-1: a realm may be Chinese, and is digested as it was sent."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _unpacked(content: bytes, how: str) -> bytes:
    """What some devices pack though nobody asked for it."""
    if how.lower() not in ("gzip", "x-gzip", "deflate"):
        return content
    packed = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        found = packed.decompress(content, MOST_BYTES)
    except zlib.error as error:
        raise Unreachable(f"the answer cannot be unpacked ({error})") from error
    if packed.unconsumed_tail:
        raise Unreachable(f"the answer has more than {MOST_BYTES >> 20} MiB")
    return found


def _words(error: Exception) -> str:
    if isinstance(error, http.client.BadStatusLine | http.client.LineTooLong):
        return "what answers there does not speak HTTP"
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be reached ({reason})" if isinstance(error, ConnectionRefusedError) else f"no connection ({reason})"
