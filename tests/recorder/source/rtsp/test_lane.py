"""A track's packets: which are its own, from whom, and what of them is payload."""

from __future__ import annotations

import struct

import pytest

from recorder.source.rtsp.dialogue import Leg
from recorder.source.rtsp.lane import Lane
from recorder.source.rtsp.plain_audio import CODECS, PlainAudio
from recorder.source.rtsp.sdp import Media
from tests.camera.rtp import RtpPacket, goodbye, sender_report

CAMERA, STRANGER, OTHER = 1, 2, 3
MEDIA = Media("audio", "RTP/AVP", 8, "PCMA", 8000)


def lane(*, datagrams: bool = True) -> Lane:
    made = Lane(Leg(MEDIA), PlainAudio(CODECS["PCMA"], 1), 0.0, datagrams=datagrams)
    made.begin()
    return made


def give(to: Lane, ssrc: int, sequence: int, text: bytes = b"", payload_type: int = 8) -> None:
    """A packet that says what it is."""
    buffer = bytearray(RtpPacket(payload_type, False, sequence, 160 * sequence, ssrc, text).encoded())
    to.rtp(memoryview(buffer))
    to.settle()
    buffer[:] = bytes(len(buffer))  # the buffer is used again


def taken(of: Lane) -> list[bytes]:
    return [frame.unit.data for frame in of.frames]


def lost(of: Lane) -> int:
    return sum(frame.unit.lost for frame in of.frames)


def test_a_stranger_now_and_then_is_not_listened_to_and_costs_nothing() -> None:
    track = lane()
    for n in range(10):
        give(track, CAMERA, n, b"%d" % n)
        give(track, STRANGER, 700 + n, b"strange")
    assert taken(track) == [b"%d" % n for n in range(10)]
    assert lost(track) == 0


def test_two_strangers_by_turns_are_nobody() -> None:
    track = lane()
    give(track, CAMERA, 0, b"0")
    for n in range(3):
        give(track, STRANGER, n, b"strange")
        give(track, OTHER, n, b"other")
    give(track, CAMERA, 1, b"1")
    assert taken(track) == [b"0", b"1"]


def test_a_camera_that_goes_on_as_another_sender_loses_nothing() -> None:
    track = lane()
    give(track, CAMERA, 10, b"a")
    for n in range(5):
        give(track, STRANGER, 5000 + n, b"%d" % n)
    assert taken(track) == [b"a", b"0", b"1", b"2", b"3", b"4"]
    assert lost(track) == 0
    reception = track.reception()
    assert reception is not None
    assert (reception.ssrc, reception.highest, reception.lost) == (STRANGER, 5004, 0)


def test_what_the_new_sender_lost_meanwhile_is_counted() -> None:
    track = lane()
    give(track, CAMERA, 10, b"a")
    for n in (0, 2, 3, 4):
        give(track, STRANGER, 5000 + n, b"%d" % n)
    track.now = 10.0
    track.tick()
    assert taken(track) == [b"a", b"0", b"2", b"3", b"4"]
    assert lost(track) == 1


def test_in_a_connection_nobody_else_can_send_and_another_sender_is_believed_at_once() -> None:
    track = lane(datagrams=False)
    give(track, CAMERA, 10, b"a")
    give(track, STRANGER, 3, b"b")
    assert taken(track) == [b"a", b"b"]


def test_what_is_not_of_the_track_is_passed_over() -> None:
    track = lane()
    give(track, CAMERA, 0, b"0")
    give(track, CAMERA, 1, b"comfort noise", payload_type=13)
    give(track, CAMERA, 1, b"1")
    assert taken(track) == [b"0", b"1"]
    assert track.malformed == 0


def head(first: int, sequence: int) -> bytes:
    return struct.pack(">BBHII", first, 8, sequence, 0, CAMERA)


@pytest.mark.parametrize(
    ("packet", "payload"),
    [
        (head(0x82, 0) + bytes(8) + b"media", b"media"),  # two contributing sources
        (head(0x90, 0) + b"\xbe\xde\x00\x01" + bytes(4) + b"media", b"media"),  # an extension of one word
        (head(0xA0, 0) + b"media\x00\x00\x03", b"media"),  # three bytes of padding
        (head(0xB1, 0) + bytes(4) + b"\x00\x00\x00\x00media\x01", b"media"),
        (head(0x80, 0)[:-1], None),
        (head(0x40, 0) + b"media", None),  # version 1
        (head(0x90, 0) + b"\xbe\xde", None),
        (head(0x90, 0) + b"\xbe\xde\x00\x09media", None),
        (head(0xA0, 0) + b"media\xff", None),
    ],
)
def test_where_the_payload_stands(packet: bytes, payload: bytes | None) -> None:
    track = lane()
    track.rtp(memoryview(packet))
    assert taken(track) == ([payload] if payload is not None else [])
    assert track.malformed == (payload is None)


def test_only_the_sender_says_goodbye_and_what_time_it_is() -> None:
    track = lane()
    give(track, CAMERA, 0, b"0")
    track.rtcp(memoryview(goodbye(STRANGER)))
    track.rtcp(memoryview(sender_report(STRANGER, 1_700_000_000.0, 0, 1, 1)))
    assert not track.ended
    assert track.clock.report is None
    track.rtcp(memoryview(sender_report(CAMERA, 1_700_000_000.0, 0, 1, 1)))
    assert track.clock.report is not None
    track.rtcp(memoryview(goodbye(CAMERA)))
    assert track.ended
