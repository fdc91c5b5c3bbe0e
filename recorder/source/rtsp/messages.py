"""RTSP messages (RFC 2326, 4 to 7, and 12): built strictly, read leniently."""

from __future__ import annotations

from dataclasses import dataclass, field

VERSION = "RTSP/1.0"
MAX_HEAD_BYTES = 16 << 10
MAX_BODY_BYTES = 128 << 10


class Malformed(Exception):
    """A message that does not parse."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be asked; `encode` adds the running number."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self, cseq: int) -> bytes:
        """The request as it is sent."""
        lines = [f"{self.method} {self.url} {VERSION}", f"CSeq: {cseq}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Message:
    """A response (`status` > 0), or a request of the camera (`status` 0, `method`).

    `headers` keeps what came more than once: names in lower case, values in their order.
    """

    status: int
    reason: str
    method: str
    headers: dict[str, list[str]]
    body: bytes = b""

    def get(self, name: str) -> str:
        """The first value of a header; empty where there is none."""
        values = self.headers.get(name)
        return values[0] if values else ""

    @property
    def cseq(self) -> int | None:
        """The number of the request that this answers, or has."""
        value = self.get("cseq").split(" ")[0]
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None

    @property
    def length(self) -> int:
        """How long its body is; `Malformed` where that is no sane number."""
        value = self.get("content-length") or "0"
        if not (value.isascii() and value.isdigit()) or len(value) > 9 or int(value) > MAX_BODY_BYTES:
            raise Malformed(f"Content-Length: {value[:40]!r}")
        return int(value)


def parse_head(head: bytes) -> Message:
    """A message without its body, from everything in front of the empty line. Raises `Malformed`."""
    lines = head.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    words = lines[0].split(None, 2)
    if len(words) < 2:
        raise Malformed(f"no RTSP message: {lines[0][:80]!r}")
    headers: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and last:
            last[-1] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if colon:
            last = headers.setdefault(name.strip().lower(), [])
            last.append(value.strip())
    if words[0].startswith("RTSP/"):
        if not (len(words[1]) == 3 and words[1].isascii() and words[1].isdigit()):
            raise Malformed(f"no status: {lines[0][:80]!r}")
        return Message(int(words[1]), words[2] if len(words) > 2 else "", "", headers)
    if len(words) < 3 or not words[2].startswith("RTSP/"):
        raise Malformed(f"no RTSP message: {lines[0][:80]!r}")
    return Message(0, "", words[0], headers)


def answer(request: Message) -> bytes:
    """What a camera gets that asks us something: it only wants to hear that we are there."""
    known = request.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "REDIRECT")
    status = "200 OK" if known else "501 Not Implemented"
    return f"{VERSION} {status}\r\nCSeq: {request.cseq or 0}\r\n\r\n".encode()
