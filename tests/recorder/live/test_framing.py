"""The socket between recorder and live process: whatever the pieces, what is framed comes out again."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import ProtocolError
from recorder.live.framing import (
    LivePacket,
    LiveTrack,
    Message,
    Skipped,
    Unframer,
    packet_head,
    skipped_frame,
    tracks_frame,
)
from recorder.packets import Packet, Track

INT64 = st.integers(-(2**63), 2**63 - 1)
TRACKS = st.builds(
    LiveTrack,
    kind=st.sampled_from(["video", "audio"]),
    codec=st.sampled_from(["h264", "hevc", "aac"]),
    time_base=st.builds(Fraction, st.integers(1, 1000), st.integers(1, 90_000)),
    extradata=st.binary(max_size=60),
    width=st.integers(0, 8000),
    sample_rate=st.integers(0, 96_000),
)
PACKETS = st.builds(
    LivePacket, st.integers(0, 9), st.binary(max_size=300), INT64, INT64, st.integers(0, 2**40), st.booleans()
)
MESSAGES = st.lists(
    st.one_of(st.lists(TRACKS, max_size=3).map(tuple), PACKETS, st.builds(Skipped, st.integers(0, 2**40)))
)


def framed(message: Message) -> bytes:
    if isinstance(message, Skipped):
        return skipped_frame(message.packets)
    if isinstance(message, LivePacket):
        track = Track(0, "video", "h264", Fraction(1, 25))
        packet = Packet(track, message.data, message.pts, message.dts, message.duration, message.is_key, 0.0)
        return packet_head(packet, message.track) + message.data
    return tracks_frame(message)


@given(MESSAGES, st.integers(1, 200))
def test_messages_come_out_as_they_went_in(messages: list[Message], piece: int) -> None:
    data = b"".join(map(framed, messages))
    unframer = Unframer()
    out: list[Message] = []
    for start in range(0, len(data), piece):
        out += unframer.feed(data[start : start + piece])
    assert out == messages


@pytest.mark.parametrize("data", [b"X" + bytes(31), b"P\0\0\0\xff\xff\xff\xff" + bytes(24), b"T" + bytes(31)])
def test_nonsense_is_no_message(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(Unframer().feed(data))
