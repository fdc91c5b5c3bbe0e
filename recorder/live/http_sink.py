"""A file-like object that sends what is written as the body of one endless `POST` (RFC 9112, chunked).

The request waits for `100 Continue` before its first byte, so that a server that refuses says so at once.  One that is
shown a token speaks the gather protocol and has to answer; any other that never learnt to is not waited for long.
"""

from __future__ import annotations

import base64
import errno
import select
import ssl
from contextlib import suppress

from recorder.clocks import monotonic
from recorder.live.connecting import STALL_SEC, connect
from recorder.live.failures import PushEnded
from recorder.live.target import Target
from recorder.specs import LiveCause

CONTINUE_SEC = 2.0
_MAX_HEAD = 16 << 10


class HttpSink:
    """One request. `token` is sent as bearer; `ca_file` replaces the system's authorities. Raises `PushEnded`.

    `limit_sec` bounds connecting and the first answer.
    """

    def __init__(self, target: Target, token: str, ca_file: str, limit_sec: float) -> None:
        self._target = target
        self.error: PushEnded | None = None
        """What went wrong in `write`: a muxer that was handed this object loses the exception."""
        self._said = bytearray()
        self._socket = connect(target, ca_file, limit_sec)
        try:
            self._socket.sendall(self._request(token))
            self._await_continue(limit_sec if token else CONTINUE_SEC, needed=bool(token))
            self._socket.settimeout(STALL_SEC)
        except OSError as error:
            self._socket.close()
            raise self._lost(error) from error
        except PushEnded:
            self._socket.close()
            raise

    def write(self, data: bytes) -> int:
        """Send these bytes as one chunk."""
        if self.error is not None:
            raise self.error
        try:
            answer = self._answer(0.0)
            if answer is not None and answer[0] != 100:  # that one may come late
                raise self._refused(*answer)
            self._socket.sendall(b"%x\r\n" % len(data) + bytes(data) + b"\r\n")
        except PushEnded as error:
            self.error = error
            raise
        except OSError as error:
            self.error = self._lost(error)
            raise self.error from error
        return len(data)

    def close(self) -> None:
        """End the request."""
        with suppress(OSError):
            if self.error is None:
                self._socket.sendall(b"0\r\n\r\n")
        self._socket.close()

    def _request(self, token: str) -> bytes:
        target = self._target
        host = f"[{target.host}]" if ":" in target.host else target.host
        lines = [
            f"POST /{target.path} HTTP/1.1",
            f"Host: {host}:{target.port}",
            "User-Agent: gather-agent",
            "Content-Type: video/x-flv",
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
        ]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        elif target.user:
            basic = base64.b64encode(f"{target.user}:{target.password}".encode()).decode()
            lines.append(f"Authorization: Basic {basic}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _await_continue(self, limit_sec: float, *, needed: bool) -> None:
        answer = self._answer(limit_sec)
        if answer is not None and answer[0] != 100:
            raise self._refused(*answer)
        if answer is None and needed:
            raise PushEnded("timeout", f"{self._target.shown}: the server does not answer")

    def _answer(self, limit_sec: float) -> tuple[int, str] | None:
        """Status and reason of what the server says within the limit; None where it says nothing whole."""
        deadline = monotonic() + limit_sec
        while (end := self._said.find(b"\r\n\r\n")) < 0:
            left = deadline - monotonic()
            if not self._hear(max(0.0, left)) and left <= 0:
                return None
        head = bytes(self._said[:end])
        del self._said[: end + 4]
        return self._status(head)

    def _hear(self, limit_sec: float) -> bool:
        """Take in what has come. What makes a TLS socket readable may be nothing for us: it must not be waited for."""
        encrypted = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not poll.poll(0 if encrypted else limit_sec * 1000) and not encrypted:
            return False
        patience = self._socket.gettimeout()
        self._socket.settimeout(0.0)
        try:
            piece = self._socket.recv(_MAX_HEAD)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self._socket.settimeout(patience)
        if not piece:
            raise PushEnded("ended", f"{self._target.shown}: the server closed the connection")
        self._said += piece
        if len(self._said) > _MAX_HEAD:
            raise PushEnded("refused", f"{self._target.shown}: this is not HTTP")
        return True

    def _status(self, head: bytes) -> tuple[int, str]:
        protocol, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        status, _, reason = rest.partition(" ")
        if not protocol.startswith("HTTP/1.") or not (status.isascii() and status.isdigit()):
            raise PushEnded("refused", f"{self._target.shown}: this is not HTTP")
        return int(status), reason

    def _refused(self, status: int, reason: str) -> PushEnded:
        cause: LiveCause = "ended" if status == 200 else "refused"
        word = "ended the stream" if status == 200 else "refuses the stream"
        said = f"{status} {self._target.redact(reason)}".strip()
        return PushEnded(cause, f"{self._target.shown}: the server {word} ({said})")

    def _lost(self, error: OSError) -> PushEnded:
        if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
            return PushEnded("stalled", f"{self._target.shown}: the server takes nothing any more")
        return PushEnded("ended", f"{self._target.shown}: the connection broke off ({error.strerror or error})")
