"""RTP payloads become the frames that the camera coded, byte for byte, or none and a count."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.parameter_sets import nal_units
from recorder.source.rtsp.aac import Aac, config_of, parse_config
from recorder.source.rtsp.h264 import H264
from recorder.source.rtsp.h265 import H265
from recorder.source.rtsp.jpeg import Jpeg
from recorder.source.rtsp.mpeg_audio import MpegAudio
from recorder.source.rtsp.nal import TRUST, AccessUnits
from recorder.source.rtsp.plain_audio import CODECS, PlainAudio
from recorder.source.rtsp.problems import NotOurs
from recorder.source.rtsp.sdp import Media
from recorder.source.rtsp.units import Unit
from tests.camera.film import FilmSpec, FilmTrack, make_film
from tests.camera.packetise import payloads
from tests.recorder.source.rtsp.feeding import Piece, fed, fed_with_holes

AAC = Media("audio", "RTP/AVP", 97, "MPEG4-GENERIC", 48000, 2, {"mode": "AAC-hbr", "config": "1190"})


def made(codec: str) -> AccessUnits:
    return H264() if codec == "h264" else H265()


def picture(codec: Any) -> FilmTrack:
    track = make_film(FilmSpec(seconds=2, video=codec, audio="", gop=10)).track("video")
    assert track is not None
    return track


def pieces_of(track: FilmTrack, mtu: int, marker: bool = True) -> list[list[Piece]]:
    frames = []
    for unit in track.units:
        parts = payloads(track, unit, "both", mtu)
        frames.append([(part, unit.pts, int(marker and n == len(parts) - 1)) for n, part in enumerate(parts)])
    return frames


def is_slice(codec: str, nal: bytes) -> bool:
    return nal[0] & 31 <= 5 if codec == "h264" else nal[0] >> 1 & 63 <= 31


def coded(unit: Unit, codec: str) -> list[bytes]:
    """The slices of a unit whose NAL units have lengths."""
    return [nal for nal in nal_units(unit.data, 4) if is_slice(codec, nal)]


def slices(track: FilmTrack, number: int) -> list[bytes]:
    codec = track.codec
    return [nal for nal in nal_units(track.units[number].data, 0) if is_slice(codec, nal)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("marker", [True, False])
@pytest.mark.parametrize("mtu", [60, 200, 1400, 60_000])
def test_every_frame_comes_whole(codec: str, marker: bool, mtu: int) -> None:
    track = picture(codec)
    units = fed(made(codec), [piece for frame in pieces_of(track, mtu, marker) for piece in frame])
    assert len(units) == len(track.units) - (not marker), "without a marker the last one waits for the next stamp"
    for number, unit in enumerate(units):
        assert coded(unit, codec) == slices(track, number)
        assert unit.stamp == track.units[number].pts
        assert unit.is_key == track.units[number].is_key
        assert unit.lost == 0
        assert bool(unit.sets) == unit.is_key
    found = units[0].sets or {}
    assert {one for some in found.values() for one in some} == set(track.sets)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@given(mtu=st.integers(50, 400), holes=st.sets(st.integers(0, 120), max_size=12))
def test_a_hole_costs_its_frames_and_no_other(codec: str, mtu: int, holes: set[int]) -> None:
    track = picture(codec)
    depacketiser = made(codec)
    frames = pieces_of(track, mtu)
    units, whole = fed_with_holes(depacketiser, frames, holes)
    by_stamp = {track.units[number].pts: number for number in range(len(frames))}
    came = [by_stamp[unit.stamp] for unit in units]
    assert came == sorted(set(came))
    for unit, number in zip(units, came, strict=True):
        assert coded(unit, codec) == slices(track, number), "what is passed on is what was coded"
    # A hole in parameter sets alone leaves the picture whole; at both ends there may be none to tell by.
    assert set(whole) - set(came) <= {len(frames) - 1}
    for earlier, later in pairwise(units):
        if by_stamp[later.stamp] != by_stamp[earlier.stamp] + 1:
            assert later.lost


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_marker_on_every_slice_is_not_believed(codec: Any) -> None:
    options = (("slices", "3"),) if codec == "h264" else (("x265-params", "slices=3:log-level=none"),)
    track = make_film(FilmSpec(seconds=2, video=codec, audio="", options=options)).track("video")
    assert track is not None
    pieces = [(part, stamp, 1) for frame in pieces_of(track, 60_000) for part, stamp, _ in frame]
    units = fed(made(codec), pieces)
    assert [coded(unit, codec) for unit in units] == [slices(track, n) for n in range(len(units))]
    assert len(units) == len(track.units) - 1


def test_a_marker_that_is_right_is_believed_after_a_while() -> None:
    depacketiser, track = H264(), picture("h264")
    delays = []
    for number, frame in enumerate(pieces_of(track, 1400)):
        came = [unit.stamp for unit in fed(depacketiser, frame)]
        delays.append(track.units[number].pts in came)
    assert delays[TRUST + 1 :] == [True] * (len(delays) - TRUST - 1)


def test_stap_a_and_aggregation_packets() -> None:
    for codec in ("h264", "hevc"):
        track = picture(codec)
        nals = [*track.sets, *nal_units(track.units[0].data, 0)]
        head = b"\x18" if codec == "h264" else bytes([48 << 1, 1])
        joined = head + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)
        depacketiser = made(codec)
        units = fed(depacketiser, [(joined, 1, 1), *pieces_of(track, 1400)[1]])
        assert coded(units[0], codec) == slices(track, 0)
        assert units[0].is_key
        cut = fed(made(codec), [(joined[:-5], 1, 1), *pieces_of(track, 1400)[1], *pieces_of(track, 1400)[2]])
        assert all(coded(unit, codec) != slices(track, 0) for unit in cut)


def test_start_codes_in_a_payload_are_taken_apart() -> None:
    track = picture("h264")
    whole = b"".join(b"\x00\x00\x00\x01" + nal for nal in [*track.sets, *nal_units(track.units[0].data, 0)])
    for payload in (whole, whole[4:]):
        units = fed(H264(), [(payload, 1, 1), *pieces_of(track, 1400)[1]])
        assert coded(units[0], "h264") == slices(track, 0)
        assert set(units[0].sets or {}) == {7, 8}


def test_parameter_sets_under_a_stamp_of_their_own_belong_to_the_next_picture() -> None:
    track = picture("h264")
    pieces = [(nal, 1, 1) for nal in track.sets] + [
        (part, stamp + 9, marker) for frame in pieces_of(track, 60_000)[:2] for part, stamp, marker in frame[-1:]
    ]
    units = fed(H264(), pieces)
    assert set(units[0].sets or {}) == {7, 8}
    assert units[0].is_key


@pytest.mark.parametrize("kind", [25, 26, 27, 29])
def test_interleaved_packets_are_not_ours(kind: int) -> None:
    with pytest.raises(NotOurs):
        H264().push(bytes([kind]) + bytes(20), 0, 1, 0)


noise = st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 3), st.booleans(), st.integers(0, 2)), max_size=40)


@given(noise)
def test_noise_breaks_nothing(pieces: list[tuple[bytes, int, bool, int]]) -> None:
    for depacketiser in (H264(), H265(), Aac(AAC, config_of(AAC)), PlainAudio(CODECS["PCMA"], 1), Jpeg(), MpegAudio()):
        for payload, stamp, marker, lost in pieces:
            try:
                for unit in depacketiser.push(payload, stamp, int(marker), lost):
                    assert unit.data
            except NotOurs:
                break
            depacketiser.settle()


# -- sound -----------------------------------------------------------------------------------------------------------


def aac_payload(frames: Sequence[bytes], sizes: Sequence[int] | None = None) -> bytes:
    sizes = sizes or [len(frame) for frame in frames]
    headers = b"".join((size << 3).to_bytes(2, "big") for size in sizes)
    return (16 * len(sizes)).to_bytes(2, "big") + headers + b"".join(frames)


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=8))
def test_aac_frames_share_a_packet(frames: list[bytes]) -> None:
    aac = Aac(AAC, config_of(AAC))
    units = fed(aac, [(aac_payload(frames), 0xFFFFFF00, 1)])
    assert [unit.data for unit in units] == frames
    assert [unit.stamp for unit in units] == [(0xFFFFFF00 + 1024 * n) & 0xFFFFFFFF for n in range(len(frames))]
    assert {unit.duration for unit in units} == {1024}


def test_an_aac_frame_comes_in_pieces() -> None:
    frame = bytes(range(250)) * 8
    chance = random.Random(1)
    cuts = sorted(chance.sample(range(1, len(frame)), 3))
    parts = [frame[a:b] for a, b in zip([0, *cuts], [*cuts, len(frame)], strict=True)]
    pieces = [(aac_payload([part], [len(frame)]), 5, int(part is parts[-1])) for part in parts]
    aac = Aac(AAC, config_of(AAC))
    assert [unit.data for unit in fed(aac, pieces)] == [frame]
    assert fed(aac, pieces[:2]) == []
    units = fed(aac, [(aac_payload([b"next"]), 9, 1)], lost=2)
    assert [(unit.data, unit.lost) for unit in units] == [(b"next", 2)]


@pytest.mark.parametrize(
    ("config", "rate", "core", "channels", "samples"),
    [
        ("1190", 48000, 48000, 2, 1024),
        ("1408", 16000, 16000, 1, 1024),
        ("2b920800", 44100, 22050, 2, 1024),  # HE-AAC: SBR told
        ("1194", 48000, 48000, 2, 960),
    ],
)
def test_audio_configurations(config: str, rate: int, core: int, channels: int, samples: int) -> None:
    found = parse_config(bytes.fromhex(config))
    assert (found.rate, found.core_rate, found.channels, found.frame_samples) == (rate, core, channels, samples)


@pytest.mark.parametrize("fmtp", [{"config": "xyz"}, {"config": "ff"}, {"config": "ffff"}, {"ctsdeltalength": "4"}])
def test_odd_aac_is_not_ours(fmtp: dict[str, str]) -> None:
    media = Media("audio", "RTP/AVP", 97, "MPEG4-GENERIC", 47999, 2, fmtp if "config" in fmtp else {**AAC.fmtp, **fmtp})
    with pytest.raises(NotOurs):
        Aac(media, config_of(media))


def test_a_missing_config_follows_from_the_clock() -> None:
    media = Media("audio", "RTP/AVP", 97, "MPEG4-GENERIC", 16000, 1)
    assert config_of(media).data.hex() == "1408"


def test_plain_sound_tells_its_length() -> None:
    units = fed(PlainAudio(CODECS["L16"], 2), [(bytes(400), 7, 0)], lost=3)
    assert [(len(unit.data), unit.duration, unit.lost) for unit in units] == [(400, 100, 3)]
