"""Stamps of two tracks on one time line, and the words that cameras and receivers have about them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.source.rtsp.rtcp import Bye, Reception, SenderReport, parse, receiver_report
from recorder.source.rtsp.stamps import StampClock
from tests.camera.rtp import goodbye, sender_report


@given(st.integers(0, 0xFFFFFFFF), st.lists(st.integers(-90_000, 1 << 30), max_size=30))
def test_the_32_bits_of_a_stamp_wrap(first: int, steps: list[int]) -> None:
    clock = StampClock(90_000, None)
    place = clock.place(first, 0.0)
    stamp = first
    for step in steps:
        stamp += step
        after = clock.place(stamp & 0xFFFFFFFF, 1.0)
        assert after - place == step
        place = after


def test_rtp_info_says_where_play_began_unless_it_is_nonsense() -> None:
    assert StampClock(90_000, 1000).place(1000 + 90_000, 5.0) == 90_000
    assert StampClock(90_000, 0xFFFFFFF0).place(0x10, 5.0) == 0x20
    assert StampClock(90_000, 0).place(123_456_789, 0.5) == 45_000, "the arrival tells"
    assert StampClock(8000, None).place(77, 0.25) == 2000


def test_reports_are_read_and_made() -> None:
    data = sender_report(7, 1_700_000_000.25, 99, 1, 2) + goodbye(7)
    report, bye = parse(data)
    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.stamp) == (7, 99)
    assert report.camera_sec == pytest.approx(1_700_000_000.25)
    assert bye == Bye(7)
    made = receiver_report(5, Reception(7, 3, 70_000, report.ntp_middle, 0.5))
    first, kind, words, own, other, lost, highest, _, middle, delay = struct.unpack_from(">BBHIIIIIII", made)
    assert (first, kind, words, own, other, lost, highest) == (0x81, 201, 7, 5, 7, 3, 70_000)
    assert (middle, delay) == (report.ntp_middle, 32_768)
    assert len(made) % 4 == 0
    assert parse(made) == []


@given(st.binary(max_size=120))
def test_any_bytes_are_a_report_or_none(data: bytes) -> None:
    parse(data)
    parse(b"\x80\xc8\x00\x06" + data)
