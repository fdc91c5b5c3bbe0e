"""RTSP requests (RFC 2326) out of a byte stream in which RTCP of the client may stand between them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case."""

    method: str
    url: str
    headers: dict[str, str]

    @property
    def cseq(self) -> str:
        """The number that the answer repeats."""
        return self.headers.get("cseq", "0")


class RequestParser:
    """Bytes in, requests out."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Request]:
        """The requests that are whole now; interleaved frames of the client are passed over."""
        self._buffer += data
        requests: list[Request] = []
        while True:
            if self._buffer.startswith(b"$"):
                if len(self._buffer) < 4:
                    return requests
                size = 4 + int.from_bytes(self._buffer[2:4], "big")
                if len(self._buffer) < size:
                    return requests
                self._buffer = self._buffer[size:]
                continue
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return requests
            request = _parse(head.decode("latin-1"))
            length = int(request.headers.get("content-length", "0"))
            if len(rest) < length:
                return requests
            self._buffer = rest[length:]
            requests.append(request)


def _parse(head: str) -> Request:
    first, *lines = head.lstrip("\r\n").split("\r\n")
    method, _, rest = first.partition(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Request(method, rest.partition(" ")[0], headers)
