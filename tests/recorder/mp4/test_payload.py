"""Packets that a file holds in another form than the source sent: libavformat's muxer is the judge."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import parameter_sets
from recorder.mp4.payload import length_prefixed, stored_obus, storing
from recorder.packets import Packet, Track
from recorder.parameter_sets import SetCodec
from recorder.slices.finisher import make_thumbnail
from recorder.source.templates import with_parameter_sets
from tests.camera.film import FilmSpec, VideoName, make_film
from tests.media import MakeSample, assert_plays, camera_packets, digest, write_mp4
from tests.recorder.slices.opened import open_slice

TEMPORAL_DELIMITER = b"\x12\x00"


def film_packets(codec: VideoName) -> list[Packet]:
    """A film as libavformat's readers of RTSP and MPEG-TS hand it out: start codes, sets in front of key frames."""
    film = make_film(FilmSpec(2.0, video=codec, audio="", b_frames=2 if codec == "h264" else 0)).track("video")
    assert film is not None
    sets = b"".join(b"\0\0\0\1" + one for one in film.sets) if codec in ("h264", "hevc") else b""
    template = with_parameter_sets(film.template, sets, film.width, film.height) if sets else film.template
    extradata = sets or template.codec_context.extradata or b""
    track = Track(0, "video", codec, Fraction(1, film.clock), extradata, film.width, film.height, template=template)
    packets = []
    for unit in film.units:
        data = sets + unit.data if unit.is_key else unit.data
        if codec == "av1":
            data = TEMPORAL_DELIMITER + unit.data
        packets.append(Packet(track, data, unit.pts, unit.dts, film.clock // 25, unit.is_key, 0.0))
    return packets


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_the_bytes_are_those_that_libavformat_writes(tmp_path: Path, codec: VideoName) -> None:
    packets = film_packets(codec)
    file = open_slice(tmp_path, packets)
    file.seal()
    keys = [digest(one) for one in packets if one.is_key]
    assert 1 < len({digest(one) for one in file.key_frames()} & set(keys)) == len(list(file.key_frames()))
    assert make_thumbnail(file.key_frames(), file.closed_path) is not None
    ours = file.finish(None).path
    assert_plays(ours)
    assert stored(ours) == stored(write_mp4(tmp_path / "libav.mp4", packets))


def stored(path: str | Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(one) for one in container.demux(video=0) if one.size]


def test_what_is_in_the_right_form_stays_as_it_is(sample: MakeSample) -> None:
    for packet in camera_packets(sample(), 0.2):
        assert storing(packet.track) is None


@given(st.lists(st.binary(min_size=1, max_size=30).filter(lambda unit: b"\0\0" not in unit and unit[-1] != 0)))
def test_units_keep_their_bytes(units: list[bytes]) -> None:
    data = length_prefixed(b"".join(b"\0\0\0\1" + unit for unit in units))
    assert list(parameter_sets.nal_units(data, 4)) == units


@given(st.binary(max_size=60))
def test_noise_is_no_temporal_unit_and_stays(noise: bytes) -> None:
    kept = stored_obus(noise)
    assert kept == noise or len(kept) < len(noise)
    assert stored_obus(kept) == kept


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_start_codes_are_told_by_the_extradata(sample: MakeSample, codec: str) -> None:
    track = next(one.track for one in camera_packets(sample(codec=codec), 0.2) if one.track.kind == "video")
    sets = parameter_sets.sets_in_extradata(cast(SetCodec, codec), track.extradata)
    assert storing(replace(track, extradata=parameter_sets.annex_b(sets))) is length_prefixed
    assert storing(replace(track, extradata=b"")) is length_prefixed
