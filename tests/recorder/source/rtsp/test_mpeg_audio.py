"""RFC 2250, 3.5: MPEG audio frames however they are spread over packets."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.source.rtsp.mpeg_audio import CLOCK, MpegAudio, Sound, header_of
from tests.camera.film import FilmSpec, FilmTrack, make_film
from tests.recorder.source.rtsp.feeding import Piece, fed, fed_with_holes

STEP = 1152 * CLOCK // 48_000


@pytest.fixture(scope="module")
def film() -> FilmTrack:
    track = make_film(FilmSpec(seconds=2, video="", audio="mp2")).track("audio")
    assert track is not None
    return track


def spread(track: FilmTrack, groups: list[int]) -> list[list[Piece]]:
    """One entry a packet, or a frame in pieces: n > 0 puts n frames into a packet, n < 0 one frame into -n packets."""
    out, number, turn = [], 0, 0
    while number < len(track.units):
        group = groups[turn % len(groups)]
        turn += 1
        stamp = track.units[number].pts
        if group > 0:
            data = b"".join(unit.data for unit in track.units[number : number + group])
            out.append([(bytes(4) + data, stamp, 0)])
            number += group
        else:
            data = track.units[number].data
            size = -(-len(data) // -group)
            out.append([(at.to_bytes(4, "big") + data[at : at + size], stamp, 0) for at in range(0, len(data), size)])
            number += 1
    return out


groups = st.lists(st.integers(1, 4) | st.integers(-5, -2), min_size=1, max_size=6)


@given(groups)
def test_every_frame_comes_whole(film: FilmTrack, groups: list[int]) -> None:
    units = fed(MpegAudio(), [piece for packet in spread(film, groups) for piece in packet])
    assert [unit.data for unit in units] == [unit.data for unit in film.units]
    assert [unit.stamp for unit in units] == [unit.pts for unit in film.units]
    assert {(unit.duration, unit.lost) for unit in units} == {(STEP, 0)}


@given(groups, st.sets(st.integers(0, 200), max_size=12))
def test_a_hole_costs_its_frames_and_no_other(film: FilmTrack, groups: list[int], holes: set[int]) -> None:
    packets = spread(film, groups)
    units, whole = fed_with_holes(MpegAudio(), packets, holes)
    expected = [unit for number in whole for unit in fed(MpegAudio(), packets[number])]
    assert [(unit.data, unit.stamp) for unit in units] == [(unit.data, unit.stamp) for unit in expected]
    for earlier, later in pairwise(units):
        assert bool(later.lost) == (later.stamp != earlier.stamp + earlier.duration)


@pytest.mark.parametrize(
    ("encoder", "rate", "layout", "expected"),
    [
        ("mp2", 48_000, "mono", Sound("mp2", 48_000, 1)),
        ("mp2", 44_100, "stereo", Sound("mp2", 44_100, 2)),
        ("mp2", 22_050, "stereo", Sound("mp2", 22_050, 2)),
        ("libmp3lame", 32_000, "stereo", Sound("mp3", 32_000, 2)),
        ("libmp3lame", 16_000, "mono", Sound("mp3", 16_000, 1)),
        ("libmp3lame", 8_000, "mono", Sound("mp3", 8_000, 1)),
    ],
)
def test_headers_say_what_the_encoder_made(encoder: str, rate: int, layout: str, expected: Sound) -> None:
    sink = av.open(io.BytesIO(), "w", format="null")
    stream: Any = sink.add_stream(encoder, rate=rate, layout=layout)
    context = stream.codec_context
    sink.start_encoding()
    frames = []
    for number in range(6):
        sound: Any = av.AudioFrame(context.format.name, layout, context.frame_size)
        for plane in sound.planes:
            plane.update(bytes(plane.buffer_size))
        sound.sample_rate, sound.pts = rate, number * context.frame_size
        frames += [bytes(packet) for packet in context.encode(sound)]
    frames += [bytes(packet) for packet in context.encode(None)]
    assert len(frames) >= 6
    for frame in frames:
        header = header_of(frame)
        assert header is not None
        assert (header.sound, header.size, header.samples) == (expected, len(frame), context.frame_size)


@pytest.mark.parametrize("data", [b"", b"\xff\xfb", b"\x00\xfb\x90\x00", b"\xff\xeb\x90\x00", b"\xff\xf9\x90\x00"])
def test_what_is_no_header(data: bytes) -> None:
    assert header_of(data) is None
