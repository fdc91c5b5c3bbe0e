"""Framing: whatever the pieces in which bytes come, the same frames come out; damage costs no more than itself."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recorder.source.rtsp.framing import Framer
from recorder.source.rtsp.messages import MAX_BODY_BYTES, Malformed, answer, parse_head

TYPE = 96


def rtp(sequence: int, payload: bytes, kind: int = TYPE) -> bytes:
    return struct.pack(">BBHII", 0x80, kind, sequence & 0xFFFF, 1, 2) + payload


def framed(packet: bytes, channel: int = 0) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


class Wire:
    """A framer with a buffer before it, as a connection has."""

    def __init__(self, playing: bool = True) -> None:
        self.framer = Framer()
        self.taken: list[bytes] = []
        self.rest = b""
        if playing:
            for channel in (0, 1, 2, 3):
                self.framer.sinks[channel] = lambda packet: self.taken.append(bytes(packet))
            self.framer.payload_types = {0: TYPE, 2: TYPE + 1}

    def feed(self, data: bytes) -> None:
        self.rest += data
        count = self.framer.scan(memoryview(self.rest))
        assert 0 <= count <= len(self.rest)
        self.rest = self.rest[count:]


packets = st.lists(st.binary(max_size=80).map(lambda payload: rtp(len(payload), payload)), max_size=12)
ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 4\r\n\r\n$$$$"


@given(packets, st.data())
def test_pieces_do_not_matter(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(framed(packet) for packet in sent) + ANSWER + b"".join(framed(packet) for packet in sent)
    wire = Wire()
    while stream:
        count = data.draw(st.integers(1, len(stream)))
        wire.feed(stream[:count])
        stream = stream[count:]
    assert wire.taken == sent * 2
    assert [message.body for message in wire.framer.messages] == [b"$$$$"]
    assert wire.rest == b""
    assert wire.framer.breaks == 0


@given(packets.filter(bool), st.binary(min_size=1, max_size=40), packets.filter(bool))
def test_what_stands_between_frames_costs_none_of_them(before: list[bytes], junk: bytes, after: list[bytes]) -> None:
    junk = junk.replace(b"$", b"#").replace(b"R", b"r")
    wire = Wire()
    wire.feed(b"".join(map(framed, before)) + junk + b"".join(map(framed, after)))
    wire.feed(framed(rtp(7, b"the last")))
    assert wire.taken[: len(before)] == before
    assert wire.taken[-1] == rtp(7, b"the last")
    assert wire.taken[len(before) :] == [*after, rtp(7, b"the last")]
    assert wire.framer.skipped_bytes == len(junk)


@given(st.binary(max_size=400))
@example(b"noise" * 5 + b"$")
def test_noise_ends_nowhere_but_in_an_error(noise: bytes) -> None:
    for playing in (True, False):
        wire = Wire(playing)
        try:
            wire.feed(noise)
            wire.feed(noise)
        except Malformed:
            continue


@pytest.mark.parametrize("length", [-40, 300])
def test_a_wrong_length_costs_its_own_frame(length: int) -> None:
    good = [framed(rtp(n, bytes([n]) * 200)) for n in range(6)]
    wrong = good[2][:2] + (len(good[2]) + length).to_bytes(2, "big") + good[2][4:]
    wire = Wire()
    wire.feed(b"".join([*good[:2], wrong, *good[3:]]) + framed(rtp(9, b"x")))
    taken = [packet[3] for packet in wire.taken if len(packet) == 212 or packet[3] == 9]
    assert taken == [0, 1, 3, 4, 5, 9]


def test_half_a_frame_costs_itself() -> None:
    good = [framed(rtp(n, bytes([n]) * 200)) for n in range(6)]
    wire = Wire()
    wire.feed(good[0] + good[1][:90] + b"".join(good[2:]))
    assert [packet[3] for packet in wire.taken] == [0, 2, 3, 4, 5]
    assert wire.framer.breaks == 1


def test_before_a_stream_only_messages_are_taken() -> None:
    with pytest.raises(Malformed):
        Wire(playing=False).feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    wire = Wire(playing=False)
    wire.feed(b"RTSP/1.0 200 OK\nCSeq: 1\n\n")
    assert wire.framer.messages[0].status == 200


@pytest.mark.parametrize("length", [b"-1", b"99999999999", str(MAX_BODY_BYTES + 1).encode(), b"x"])
def test_a_body_without_bounds_is_refused(length: bytes) -> None:
    with pytest.raises(Malformed):
        Wire(playing=False).feed(b"RTSP/1.0 200 OK\r\nContent-Length: " + length + b"\r\n\r\n")


def test_endless_headers_are_refused() -> None:
    with pytest.raises(Malformed):
        Wire(playing=False).feed(b"RTSP/1.0 200 OK\r\n" + b"A: b\r\n" * 10_000)


def test_headers_are_read_leniently() -> None:
    head = (
        b"RTSP/1.0 401\r\nWWW-Authenticate: Digest realm=x\r\nWWW-authenticate: Basic\r\nfolded: a\r\n  b\r\nno colon"
    )
    message = parse_head(head)
    assert message.status == 401
    assert message.headers["www-authenticate"] == ["Digest realm=x", "Basic"]
    assert message.get("folded") == "a b"


def test_a_camera_that_asks_is_answered() -> None:
    assert answer(parse_head(b"OPTIONS * RTSP/1.0\r\nCSeq: 9")) == b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n"
    assert answer(parse_head(b"FETCH * RTSP/1.0\r\nCSeq: 9")).startswith(b"RTSP/1.0 501")
