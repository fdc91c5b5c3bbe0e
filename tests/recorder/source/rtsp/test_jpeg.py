"""RFC 2435: what is put together is the picture that was taken apart."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.source.rtsp.jpeg import Jpeg, head, scaled, size_of
from recorder.source.rtsp.problems import NotOurs
from recorder.source.rtsp.units import Unit
from tests.camera.film import FilmSpec, FilmTrack, make_film
from tests.camera.packetise import payloads
from tests.media import coded_digest
from tests.recorder.source.rtsp.feeding import Piece, fed, fed_with_holes

TABLES = bytes(range(1, 129))


@pytest.fixture(scope="module")
def film() -> FilmTrack:
    track = make_film(FilmSpec(seconds=1, video="mjpeg", audio="")).track("video")
    assert track is not None
    return track


def frames_of(track: FilmTrack, mtu: int, marker: bool = True) -> list[list[Piece]]:
    frames = []
    for unit in track.units:
        parts = payloads(track, unit, mtu=mtu)
        frames.append([(part, unit.pts, int(marker and n == len(parts) - 1)) for n, part in enumerate(parts)])
    return frames


def pixels(jpeg: bytes) -> list[bytes]:
    decoder = av.CodecContext.create("mjpeg", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    (frame,) = decoder.decode(av.Packet(jpeg)) or decoder.decode(None)
    assert not frame.is_corrupt
    return [bytes(plane) for plane in frame.planes]


@pytest.mark.parametrize("marker", [True, False])
@pytest.mark.parametrize("mtu", [200, 1400, 60_000])
def test_every_picture_comes_whole(film: FilmTrack, mtu: int, marker: bool) -> None:
    units = fed(Jpeg(), [piece for frame in frames_of(film, mtu, marker) for piece in frame])
    assert len(units) == len(film.units) - (not marker), "without a marker the last one waits for the next stamp"
    for unit, sent in zip(units, film.units, strict=False):
        assert (unit.stamp, unit.is_key, unit.lost) == (sent.pts, True, 0)
        assert size_of(unit.data) == (film.width, film.height)
    assert pixels(units[0].data) == pixels(film.units[0].data)
    assert pixels(units[-1].data) == pixels(film.units[len(units) - 1].data)


@given(mtu=st.integers(160, 900), holes=st.sets(st.integers(0, 300), max_size=12), marker=st.booleans())
def test_a_hole_costs_its_picture_and_no_other(film: FilmTrack, mtu: int, holes: set[int], marker: bool) -> None:
    frames = frames_of(film, mtu, marker)
    units, whole = fed_with_holes(Jpeg(), frames, holes)
    numbers = {unit.pts: number for number, unit in enumerate(film.units)}
    came = [numbers[unit.stamp] for unit in units]
    assert [coded_digest("mjpeg", b"", unit.data) for unit in units] == [film.units[n].digest for n in came]
    if marker:
        assert came == whole
    else:  # one in front of a hole may have had its end, or not: nobody can tell
        ends = {number for number in whole if number + 1 == len(frames) or number + 1 not in whole}
        assert set(whole) - ends <= set(came) <= set(whole)
    for earlier, later in pairwise(units):
        assert bool(later.lost) == (numbers[later.stamp] != numbers[earlier.stamp] + 1)


def packet(offset: int, kind: int, quality: int, rest: bytes, *, width: int = 20, height: int = 12) -> bytes:
    return bytes([0]) + offset.to_bytes(3, "big") + bytes((kind, quality, width, height)) + rest


def tables(data: bytes) -> bytes:
    return struct.pack(">BBH", 0, 0, len(data)) + data


def segment(jpeg: bytes, marker: int) -> bytes:
    begin = jpeg.index(bytes((0xFF, marker)))
    return jpeg[begin + 4 : begin + 2 + int.from_bytes(jpeg[begin + 2 : begin + 4], "big")]


def only(units: list[Unit]) -> bytes:
    (unit,) = units
    return unit.data


def test_tables_by_their_number() -> None:
    """Q 50 means the standard's own; those of 75 are known from every JPEG of libjpeg's default quality."""
    assert scaled(50)[:8] == bytes((16, 11, 12, 14, 12, 10, 16, 14))
    assert scaled(75)[:8] == bytes((8, 6, 6, 7, 6, 5, 8, 7))
    assert scaled(1)[0] == 255
    assert set(scaled(99)) <= {1, 2}
    jpeg = only(fed(Jpeg(), [(packet(0, 1, 75, b"scan"), 0, 1)]))
    assert segment(jpeg, 0xDB) == b"\0" + scaled(75)[:64]
    assert scaled(75)[64:] in jpeg


def test_tables_that_come_once() -> None:
    depacketiser = Jpeg()
    assert not fed(depacketiser, [(packet(0, 1, 200, tables(b"") + b"scan"), 0, 1)]), "nobody knows them yet"
    first = fed(depacketiser, [(packet(0, 1, 200, tables(TABLES) + b"scan"), 1, 1)])
    assert first[0].lost == 1
    assert only(first) == only(fed(depacketiser, [(packet(0, 1, 200, tables(b"") + b"scan"), 2, 1)]))
    assert not fed(depacketiser, [(packet(0, 1, 255, tables(b"") + b"scan"), 3, 1)]), "255: they are not kept"


@pytest.mark.parametrize(("kind", "sampling"), [(0, 0x21), (1, 0x22), (64, 0x21), (65, 0x22)])
def test_sampling_and_restart_markers(kind: int, sampling: int) -> None:
    restart = struct.pack(">HH", 40, 0xFFFF) if kind >= 64 else b""
    pieces = [
        (packet(0, kind, 255, restart + tables(TABLES) + b"one"), 0, 0),
        (packet(3, kind, 255, restart + b"two\xff\xd9"), 0, 1),
    ]
    jpeg = only(fed(Jpeg(), pieces))
    assert jpeg.endswith(b"onetwo\xff\xd9")
    assert segment(jpeg, 0xC0)[7] == sampling
    assert (segment(jpeg, 0xDD) == b"\0\x28") if restart else (b"\xff\xdd" not in jpeg)


def test_restart_markers_are_decoded() -> None:
    """libav codes slices with restart markers between them."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 160, 96, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count, encoder.thread_type = 3, "SLICE"
    encoder.options = {"huffman": "default"}
    frame = av.VideoFrame(160, 96, "yuvj420p")
    for number, plane in enumerate(frame.planes):
        plane.update(bytes((17 * number + n * n // 50) % 256 for n in range(plane.buffer_size)))
    frame.pts = 0
    coded = b"".join(bytes(one) for one in (*encoder.encode(frame), *encoder.encode(None)))
    interval = segment(coded, 0xDD)
    scan = coded[coded.index(b"\xff\xda") + 2 + 12 :]
    luma = segment(coded, 0xDB)
    quantisers = luma[1:65] + (luma[66:130] if len(luma) > 65 else luma[1:65])
    rest = interval + b"\xff\xff" + tables(quantisers)
    jpeg = only(fed(Jpeg(), [(packet(0, 65, 255, rest + scan), 0, 1)]))
    assert pixels(jpeg) == pixels(coded)


def test_large_pictures_by_what_sdp_says() -> None:
    scan = (packet(0, 1, 60, b"scan", width=0, height=0), 0, 1)
    assert size_of(only(fed(Jpeg((2592, 1944)), [scan]))) == (2592, 1944)
    with pytest.raises(NotOurs, match="2040"):
        fed(Jpeg(), [scan])


@pytest.mark.parametrize("kind", [2, 63, 66, 128])
def test_other_types_are_not_ours(kind: int) -> None:
    with pytest.raises(NotOurs, match="type"):
        fed(Jpeg(), [(packet(0, kind, 60, b"scan" * 4), 0, 1)])


def test_tables_of_sixteen_bits() -> None:
    jpeg = head(1, 160, 96, TABLES + TABLES[:64], precision=1, interval=0)
    assert segment(jpeg, 0xDB) == b"\x10" + TABLES
    with pytest.raises(NotOurs, match="tables"):
        head(1, 160, 96, TABLES[:70], precision=0, interval=0)
