"""The samples of an MP4, read by the standard (ISO/IEC 14496-12) and by nobody's library."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from tests.media import Box, boxes


@dataclass(frozen=True, slots=True)
class Sample:
    """Stamps in ticks of the track's timescale; of a closed file from the first sample, of fragments as they say."""

    dts: int
    pts: int
    duration: int
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class TrackRead:
    """`number` is the track's; `edits`: (length in movie ticks, media time); `duration` as `mdhd` has it."""

    number: int
    timescale: int
    movie_timescale: int
    edits: list[tuple[int, int]]
    duration: int
    samples: list[Sample]


def closed_tracks(data: bytes) -> list[TrackRead]:
    """What the index of a closed file says."""
    (movie,) = struct.unpack_from(">I", _inside(data, "moov", "mvhd"), 12)
    found = []
    for trak in _all(_inside(data, "moov"), "trak"):
        media = _inside(trak, "mdia", "mdhd")
        assert media[0] == 0
        timescale, duration = struct.unpack_from(">II", media, 12)
        (number,) = struct.unpack_from(">I", _inside(trak, "tkhd"), 12)
        samples = list(_indexed(data, _inside(trak, "mdia", "minf", "stbl")))
        found.append(TrackRead(number, timescale, movie, _edits(trak), duration, samples))
    return found


def fragment_samples(data: bytes, number: int) -> list[Sample]:
    """What the fragments of an open file say of a track."""
    found: list[Sample] = []
    for moof in (box for box in boxes(data) if box.kind == "moof"):
        for traf in _all(_body(data, moof), "traf"):
            tfhd = _inside(traf, "tfhd")
            assert tfhd[:4] == bytes((0, 2, 0, 0x20))  # default-base-is-moof, default flags
            track, usual_flags = struct.unpack_from(">II", tfhd, 4)
            if track == number:
                found += _run(data, moof.offset, traf, usual_flags)
    return found


def _run(data: bytes, base: int, traf: bytes, usual_flags: int) -> Iterator[Sample]:
    (dts,) = struct.unpack_from(">Q", _inside(traf, "tfdt"), 4)
    trun = _inside(traf, "trun")
    flags, count, offset = struct.unpack_from(">IIi", trun)
    assert flags in (0x301, 0xF01)
    width = 4 if flags == 0xF01 else 2
    position = base + offset
    for number in range(count):
        fields = struct.unpack_from(f">{width}I", trun, 12 + number * width * 4)
        duration, size = fields[:2]
        sample_flags, shift = fields[2:] if width == 4 else (usual_flags, 0)
        yield Sample(dts, dts + shift, duration, not sample_flags & 0x10000, data[position : position + size])
        dts += duration
        position += size


def _indexed(data: bytes, stbl: bytes) -> Iterator[Sample]:
    sizes = _numbers(_inside(stbl, "stsz")[4:])
    durations = _counted(_inside(stbl, "stts"))
    kinds = [box.kind for box in boxes(stbl)]
    shifts = _counted(_inside(stbl, "ctts")) if "ctts" in kinds else [0] * len(sizes)
    keys = set(_numbers(_inside(stbl, "stss"))) if "stss" in kinds else set(range(1, len(sizes) + 1))
    places = _places(stbl, sizes, kinds)
    assert len(sizes) == len(durations) == len(shifts) == len(places)
    stamps = [0, *accumulate(durations)]
    for number, size in enumerate(sizes):
        dts, place = stamps[number], places[number]
        yield Sample(dts, dts + shifts[number], durations[number], number + 1 in keys, data[place : place + size])


def _places(stbl: bytes, sizes: list[int], kinds: list[str]) -> list[int]:
    chunks = _numbers(_inside(stbl, "co64"), 8) if "co64" in kinds else _numbers(_inside(stbl, "stco"))
    table = _inside(stbl, "stsc")
    rows = [struct.unpack_from(">III", table, 8 + 12 * n) for n in range(struct.unpack_from(">I", table, 4)[0])]
    places: list[int] = []
    for chunk, begin in enumerate(chunks, 1):
        place = begin
        for _ in range(next(row[1] for row in reversed(rows) if row[0] <= chunk)):
            places.append(place)
            place += sizes[len(places) - 1]
    return places


def _edits(trak: bytes) -> list[tuple[int, int]]:
    table = _inside(trak, "edts", "elst")
    assert table[0] == 0
    return [struct.unpack_from(">Ii", table, 8 + 12 * n) for n in range(struct.unpack_from(">I", table, 4)[0])]


def _numbers(table: bytes, width: int = 4) -> list[int]:
    """A table behind version and flags: a count, and so many numbers."""
    (count,) = struct.unpack_from(">I", table, 4)
    return list(struct.unpack_from(f">{count}{'I' if width == 4 else 'Q'}", table, 8))


def _counted(table: bytes) -> list[int]:
    (count,) = struct.unpack_from(">I", table, 4)
    pairs = [struct.unpack_from(">II", table, 8 + 8 * number) for number in range(count)]
    return [value for times, value in pairs for _ in range(times)]


def _all(contents: bytes, kind: str) -> list[bytes]:
    return [_body(contents, box) for box in boxes(contents) if box.kind == kind]


def _inside(contents: bytes, *path: str) -> bytes:
    for kind in path:
        contents = _all(contents, kind)[0]
    return contents


def _body(contents: bytes, box: Box) -> bytes:
    return contents[box.offset + 8 : box.offset + box.size]
