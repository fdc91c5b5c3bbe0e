"""What can go wrong with a camera: one class a fault, in force from `Camera.inject` to `Camera.mend`.

A fault changes what the hooks of `Fault` pass through; the others stay as they are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from recorder.packets import TrackKind
from tests.camera.rtp import RtpPacket

if TYPE_CHECKING:
    from tests.camera.requests import Request
    from tests.camera.session import Session


class Fault:
    """A camera without one. `session` tells who is concerned."""

    def struck(self, playing: Iterable[Session]) -> None:
        """The fault begins while these sessions play."""

    def sdp(self, text: str) -> str:
        """The session description."""
        return text

    def reply(self, session: Session, request: Request) -> bytes | None:
        """What is sent instead of the camera's own answer: b"" for nothing; None leaves the answer alone."""
        return None

    def stamp(self, kind: TrackKind, clock: int, stamp: int) -> int:
        """The RTP stamp of a unit."""
        return stamp

    def packets(self, session: Session, packets: list[RtpPacket]) -> list[RtpPacket]:
        """The packets of a unit, in the order in which they leave."""
        return packets

    def takes_over(self, session: Session, data: bytes) -> bool:
        """Whether the fault deals with these bytes, in its own way, instead of the session sending them."""
        return False

    def wire(self, session: Session, frame: bytes) -> bytes:
        """An interleaved frame, `$` and all."""
        return frame


class Silence(Fault):
    """Nothing leaves any more. `skips`: what would have left is gone; else it waits and comes in one burst."""

    def __init__(self, *, skips: bool = True) -> None:
        self._skips = skips
        self._over = False

    def end(self) -> None:
        """What waits may go; the camera still has to be mended."""
        self._over = True

    def takes_over(self, session: Session, data: bytes) -> bool:
        if self._skips:
            return not self._over
        while not self._over and session.wait(0.02):
            pass
        return False


class HalfOpen(Fault):
    """Who plays now gets no byte and no answer any more, and no end either; who comes later is served."""

    def __init__(self) -> None:
        self._victims: frozenset[Session] = frozenset()

    def struck(self, playing: Iterable[Session]) -> None:
        self._victims = frozenset(playing)

    def reply(self, session: Session, request: Request) -> bytes | None:
        return b"" if session in self._victims else None

    def takes_over(self, session: Session, data: bytes) -> bool:
        return session in self._victims


class Drip(HalfOpen):
    """Who plays now gets a byte a second: never silent for long enough for a simple time-out."""

    def takes_over(self, session: Session, data: bytes) -> bool:
        if session not in self._victims:
            return False
        for byte in data:
            session.raw(bytes([byte]))
            if not session.wait(1.0):
                break
        return True


class Dead(Fault):
    """Takes connections and requests and answers none of these methods (none at all by default)."""

    def __init__(self, *methods: str) -> None:
        self._methods = methods

    def reply(self, session: Session, request: Request) -> bytes | None:
        return b"" if not self._methods or request.method in self._methods else None


class Answer(Fault):
    """These bytes are the answer to a method; `%cseq` in them is the number of the request, `%url` its address.

    `to`: how the addresses end that are answered like this.
    """

    def __init__(self, method: str, answer: bytes, to: str = "") -> None:
        self._method = method
        self._answer = answer
        self._to = to

    def reply(self, session: Session, request: Request) -> bytes | None:
        if request.method != self._method or not request.url.endswith(self._to):
            return None
        return self._answer.replace(b"%cseq", request.cseq.encode()).replace(b"%url", request.url.encode())


class Endless(Fault):
    """The answer to a method never ends: header lines or a body, as fast as they are taken."""

    def __init__(self, method: str, part: Literal["header", "body"]) -> None:
        self._method = method
        self._part = part

    def reply(self, session: Session, request: Request) -> bytes | None:
        if request.method != self._method:
            return None
        session.raw(f"RTSP/1.0 200 OK\r\nCSeq: {request.cseq}\r\n".encode())
        if self._part == "body":
            session.raw(b"Content-Type: application/sdp\r\nContent-Length: 2000000000\r\n\r\n")
        piece = b"X-Filler: a\r\n" * 1000 if self._part == "header" else b"a=filler:1234\r\n" * 1000
        while session.raw(piece):
            pass
        return b""


class Described(Fault):
    """Another session description."""

    def __init__(self, change: Callable[[str], str]) -> None:
        self._change = change

    def sdp(self, text: str) -> str:
        return self._change(text)


class StampJump(Fault):
    """The stamps of these tracks count `by_sec` more from now on (less, where it is negative)."""

    def __init__(self, by_sec: float, kinds: tuple[TrackKind, ...] = ("video", "audio")) -> None:
        self._by_sec = by_sec
        self._kinds = kinds

    def stamp(self, kind: TrackKind, clock: int, stamp: int) -> int:
        return stamp + round(self._by_sec * clock) if kind in self._kinds else stamp


class Disorder(Fault):
    """Packets are lost, sent twice, or overtaken by up to `late` others, each with a probability; by a seed."""

    def __init__(
        self, *, loss: float = 0.0, twice: float = 0.0, overtaken: float = 0.0, late: int = 3, seed: int = 1
    ) -> None:
        self._loss, self._twice, self._overtaken, self._late = loss, twice, overtaken, late
        self._random = random.Random(seed)
        self._held: dict[tuple[Session, int], list[tuple[int, RtpPacket]]] = {}

    def packets(self, session: Session, packets: list[RtpPacket]) -> list[RtpPacket]:
        held = self._held.setdefault((session, packets[0].ssrc), [])
        out: list[RtpPacket] = []
        for packet in packets:
            dice = self._random.random()
            if dice < self._loss:
                continue
            if dice < self._loss + self._overtaken:
                held.append((self._random.randint(1, self._late), packet))
                continue
            out += [packet, packet] if dice < self._loss + self._overtaken + self._twice else [packet]
            out += [late for left, late in held if left <= 1]
            held[:] = [(left - 1, late) for left, late in held if left > 1]
        return out


class BrokenInterleaving(Fault):
    """Every so many frames the framing of RTP over TCP is broken.

    `garbage` puts bytes between two frames, `length` claims a wrong one, `channel` is a frame of a channel that nobody
    set up, `cut` leaves the second half of a frame out.
    """

    def __init__(self, kind: Literal["garbage", "length", "channel", "cut"], every: int) -> None:
        self._kind = kind
        self._every = every
        self._count = 0

    def wire(self, session: Session, frame: bytes) -> bytes:
        self._count += 1
        if self._count % self._every:
            return frame
        if self._kind == "garbage":
            return b"\x00\x17garbage\xff" * 7 + frame
        if self._kind == "length":
            return frame[:2] + (len(frame) + 300).to_bytes(2, "big") + frame[4:]
        if self._kind == "cut":
            return frame[: len(frame) // 2]
        return frame + b"$\x4d\x00\x08unwanted"


class TornPackets(Fault):
    """Every so many RTP packets the payload is cut to a few bytes, or is nothing but noise."""

    def __init__(self, every: int, seed: int = 1) -> None:
        self._every = every
        self._random = random.Random(seed)
        self._count = 0

    def packets(self, session: Session, packets: list[RtpPacket]) -> list[RtpPacket]:
        out = []
        for packet in packets:
            self._count += 1
            if self._count % self._every:
                out.append(packet)
            else:
                noise = self._random.randbytes(self._random.choice((0, 1, 3, 200)))
                out.append(replace(packet, payload=noise))
        return out
