"""The first packets of a connection get stamps from the first stamped one; nothing is lost or reordered."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from recorder.packets import Packet, Track
from recorder.source.first_stamps import FirstStamps

VIDEO = Track(0, "video", "h264", Fraction(1, 90000))
AUDIO = Track(1, "audio", "aac", Fraction(1, 48000))


def _packet(track: Track, stamp: int | None, name: bytes, duration: int = 0) -> Packet:
    return Packet(track, name, stamp, stamp, duration, is_key=True, arrival=0.0)


def test_a_first_key_frame_is_counted_back_from_the_second_frame() -> None:
    stamps = FirstStamps([VIDEO, AUDIO])
    assert [packet.data for packet in stamps.add(_packet(AUDIO, 500, b"a1"))] == [b"a1"]
    assert stamps.add(_packet(VIDEO, None, b"v1", 3600)) == []
    assert stamps.add(_packet(AUDIO, 1524, b"a2")) == []
    released = stamps.add(_packet(VIDEO, 7200, b"v2", 3600))
    assert [(packet.data, packet.dts, packet.pts) for packet in released] == [
        (b"v1", 3600, 3600),
        (b"a2", 1524, 1524),
        (b"v2", 7200, 7200),
    ]
    later = _packet(VIDEO, None, b"v3")
    assert stamps.add(later) == [later], "a stamp that is missing later is not our matter"


def test_without_durations_a_usual_step_is_taken() -> None:
    stamps = FirstStamps([VIDEO])
    stamps.add(_packet(VIDEO, None, b"v1"))
    stamps.add(_packet(VIDEO, None, b"v2"))
    assert [packet.dts for packet in stamps.add(_packet(VIDEO, 9000, b"v3"))] == [1800, 5400, 9000]


def test_a_lost_connection_gives_out_what_is_held() -> None:
    stamps = FirstStamps([VIDEO])
    packet = _packet(VIDEO, None, b"v1")
    stamps.add(packet)
    assert stamps.flush() == [packet]
    assert stamps.flush() == []


@given(st.lists(st.tuples(st.sampled_from([VIDEO, AUDIO]), st.one_of(st.none(), st.integers(0, 10**6))), max_size=200))
def test_nothing_is_lost_or_reordered(wanted: list[tuple[Track, int | None]]) -> None:
    stamps = FirstStamps([VIDEO, AUDIO])
    packets = [_packet(track, stamp, str(number).encode()) for number, (track, stamp) in enumerate(wanted)]
    released = [out for packet in packets for out in stamps.add(packet)] + stamps.flush()
    assert [packet.data for packet in released] == [packet.data for packet in packets]
    given_out = {packet.data: packet for packet in released}
    assert all(given_out[packet.data].dts == packet.dts for packet in packets if packet.dts is not None)
