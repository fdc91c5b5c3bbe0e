"""HTTP to one device: what it sends is bounded in bytes and time, and nobody is followed elsewhere.

Plain sockets: a conversation is a process of its own, with nothing else to do.
"""

from __future__ import annotations

import http.client
import ssl
import time
from dataclasses import dataclass

from recorder.source.rtsp.auth import Login as HttpLogin

MOST_BYTES = 2 << 20
"""A camera with a hundred profiles needs a tenth of it."""
_UNAUTHORIZED = 401


class Unreachable(Exception):
    """No connection, or one that broke."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; `date` is its `Date` header."""

    status: int
    content: bytes
    date: str


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

    def post(self, path: str, body: bytes, action: str) -> Reply:
        """One request; a second one with the digest where the first is refused for want of it. Raises `Unreachable`."""
        reply, offered = self._once(path, body, action)
        if reply.status == _UNAUTHORIZED and self._login.refused(offered):
            reply, _ = self._once(path, body, action)
        return reply

    def _once(self, path: str, body: bytes, action: str) -> tuple[Reply, list[str]]:
        connection = self._connection()
        headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"', "Connection": "close"}
        if (known := self._login.header("POST", path)) is not None:
            headers["Authorization"] = known
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            content = self._read(connection, answer)
            return (
                Reply(answer.status, content, answer.headers.get("Date", "")),
                answer.headers.get_all("WWW-Authenticate", []),
            )
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(_words(error)) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=self._left())
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # cameras have made theirs themselves
        return http.client.HTTPSConnection(self.host, self.port, timeout=self._left(), context=context)

    def _read(self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> bytes:
        content = bytearray()
        while True:
            if connection.sock is not None:
                connection.sock.settimeout(self._left())
            self._left()
            piece = answer.read1(64 << 10)
            content += piece
            if len(content) > MOST_BYTES:
                raise Unreachable(f"the answer has more than {MOST_BYTES >> 20} MiB")
            if not piece:
                return bytes(content)

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _words(error: Exception) -> str:
    if isinstance(error, http.client.BadStatusLine | http.client.LineTooLong):
        return "what answers there does not speak HTTP"
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be reached ({reason})" if isinstance(error, ConnectionRefusedError) else f"no connection ({reason})"
