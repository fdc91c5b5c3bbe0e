"""Parameter sets that say size and order, against what FFmpeg makes of the same stream."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import parameter_sets
from recorder.source.rtsp.decode_order import DecodeOrder, depth_of
from recorder.source.rtsp.descriptions import announced_sets, complete, extradata_of, video_track
from recorder.source.rtsp.sdp import Media
from recorder.source.rtsp.sequence_sets import BadSet, h264_sequence, h265_sequence, profile_tier_level
from tests.camera.film import FilmSpec, make_film
from tests.camera.sdp import describe


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(("width", "height"), [(160, 96), (200, 120), (1920, 1080)])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_size_and_order(codec: Any, width: int, height: int, b_frames: int) -> None:
    film = make_film(FilmSpec(0.4, codec, "", width, height, b_frames=b_frames))
    track = film.tracks[0]
    sps = next(unit for unit in track.sets if parameter_sets.nal_type(codec, unit) in (7, 33))
    sequence = h264_sequence(sps) if codec == "h264" else h265_sequence(sps)
    assert (sequence.width, sequence.height) == (width, height)
    assert sequence.reorder is not None
    assert sequence.reorder >= depth_of(unit.pts for unit in track.units)
    assert (sequence.reorder == 0) == (b_frames == 0)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_extradata_holds_the_sets_that_were_announced(codec: Any) -> None:
    film = make_film(FilmSpec(0.4, codec, ""))
    text = describe(film)
    fmtp = dict(part.split("=", 1) for part in text.split("a=fmtp:96 ")[1].splitlines()[0].split(";") if "=" in part)
    sets = announced_sets(codec, Media("video", "RTP/AVP", 96, "", 90_000, 1, fmtp))
    assert complete(codec, sets)
    extradata = extradata_of(codec, sets)
    assert parameter_sets.sets_in_extradata(codec, extradata) == sets
    assert parameter_sets.length_bytes(codec, extradata) == 4
    track, _ = video_track(0, codec, sets, 90_000)
    assert track.label == f"{codec} 160x96"
    assert track.template.codec_context.extradata == extradata
    assert (track.template.codec_context.width, track.template.codec_context.height) == (160, 96)


@pytest.mark.parametrize("text", ["", "!!!", "AAAA", "Z0LAHtkDxWhAAAADAEAAAAwDxYuS", ",,,"])
def test_announced_nonsense_is_passed_over(text: str) -> None:
    sets = announced_sets("h264", Media("video", "RTP/AVP", 96, "", 90_000, 1, {"sprop-parameter-sets": text}))
    assert not complete("h264", sets)


@given(st.binary(max_size=120))
def test_no_bytes_break_the_parsers(data: bytes) -> None:
    for parse in (h264_sequence, h265_sequence, profile_tier_level):
        try:
            parse(b"\x67\x64" + data)
        except BadSet:
            continue


@given(st.integers(0, 4), st.integers(5, 60), st.randoms())
def test_decode_stamps_rise_and_are_never_behind(depth: int, count: int, chance: Any) -> None:
    shown = list(range(count))
    # Any order in which no picture stands behind more than `depth` that are shown later.
    stream: list[int] = []
    waiting: list[int] = []
    for number in shown:
        waiting.insert(0 if depth and chance.random() < 0.5 and len(waiting) < depth else len(waiting), number)
        if len(waiting) > depth:
            stream.append(waiting.pop(chance.randrange(len(waiting)) if depth else 0))
    stream += waiting
    need = depth_of(stream)
    order = DecodeOrder(need, 90_000, 1, stream[: need + 1])
    placed = [order.place(pts) for pts in stream]
    assert all(dts <= pts for dts, pts in zip(placed, stream, strict=True))
    assert all(later > earlier for earlier, later in pairwise(placed))


@given(st.integers(8, 40), st.integers(1, 3), st.booleans())
def test_b_frames_that_come_only_later_are_put_in_order(plain: int, between: int, pyramid: bool) -> None:
    """Nothing tells the depth, and an encoder begins with P-frames as long as the picture moves."""
    stream = list(range(plain))
    for group in range(12):
        base = plain + group * (between + 1)
        inner = list(range(base, base + between))
        middle = [inner.pop(len(inner) // 2)] if pyramid else []
        stream += [base + between, *middle, *inner]
    stream = [pts * 3600 for pts in stream]
    order = DecodeOrder(depth_of(stream[:8]), 90_000, 3600, stream[:1], guessed=True)
    placed = [order.place(pts) for pts in stream]
    assert all(later > earlier for earlier, later in pairwise(placed))
    settled = plain + 3 * (between + 1)
    assert all(dts <= pts for dts, pts in zip(placed[settled:], stream[settled:], strict=True))
    assert order.depth == (2 if pyramid and between > 1 else 1)


def test_a_jump_of_the_clock_begins_anew() -> None:
    order = DecodeOrder(2, 90_000, 3600, [0, 10_800, 3600])
    for pts in (0, 10_800, 3600, 7200):
        order.place(pts)
    far = 100_000_000
    placed = [order.place(far + pts) for pts in (0, 10_800, 3600, 7200)]
    assert all(abs(dts - far) < 20_000 for dts in placed)
