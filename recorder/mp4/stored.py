"""The samples of an ordinary MP4, out of its index: where each lies, and its stamps as libavformat would tell them.

Only of files that are as plain as nearly all are: no fragments, one description a track, the media in the file itself,
shown from somewhere to its end.  Of every other the answer is None, and libavformat reads it.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add

from recorder.mp4.boxes import child, children
from recorder.mp4.survey import ReadAt, boxes

_MOST_INDEX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """The samples of one track, in the order of decoding; stamps and durations in ticks of its `timescale`."""

    timescale: int
    places: Sequence[int]
    sizes: Sequence[int]
    dts: Sequence[int]
    pts: Sequence[int]
    durations: Sequence[int]
    keys: Sequence[int]
    """1 for each key frame, 0 for every other."""

    @property
    def ticks(self) -> int:
        """From the first decode stamp to the end of the last sample."""
        return self.dts[-1] + self.durations[-1] - self.dts[0]


def stored_tracks(read_at: ReadAt, size: int) -> list[Stored | None] | None:
    """The tracks of a file of `size` bytes, in its order, None for those that are not plain; None for no such file."""
    index = next((box for box in boxes(read_at, size) if box.kind == b"moov"), None)
    if index is None or index.size > _MOST_INDEX_BYTES:
        return None
    try:
        contents = read_at(index.offset, index.size)[8:]
        inside = list(children(contents))
        if any(kind == b"mvex" for kind, _ in inside):
            return None
        movie = _timescale(child(contents, b"mvhd"))
        return [_track(trak, movie, size) for kind, trak in inside if kind == b"trak"]
    except _BROKEN:
        return None


_BROKEN = (KeyError, ValueError, IndexError, OverflowError, struct.error)


def _track(trak: bytes, movie: int, file_bytes: int) -> Stored | None:
    try:
        media = child(trak, b"mdia")
        timescale, found = _timescale(child(media, b"mdhd")), child(media, b"minf")
        if not _is_inside(child(found, b"dinf", b"dref")):
            return None
        return _samples(dict(children(child(found, b"stbl"))), dict(children(trak)), timescale, movie, file_bytes)
    except _BROKEN:
        return None


def _samples(
    tables: dict[bytes, bytes], trak: dict[bytes, bytes], timescale: int, movie: int, file_bytes: int
) -> Stored | None:
    descriptions, one_size = _number(tables[b"stsd"], 4), _number(tables[b"stsz"], 4)
    sizes = _numbers(tables[b"stsz"][4:])
    count = len(sizes)
    if descriptions != 1 or one_size or not count:
        return None
    durations = _counted(tables[b"stts"], "I", count)
    offsets = _counted(tables[b"ctts"], "i", count) if b"ctts" in tables else array("i", bytes(4 * count))
    chunks = _numbers(tables[b"co64"], "Q") if b"co64" in tables else _numbers(tables[b"stco"])
    places = _places(chunks, tables[b"stsc"], sizes)
    if min(offsets) < 0 or max(map(add, places, sizes)) > file_bytes:
        return None
    raw = array("q", accumulate(durations, initial=0))
    shift = _shift(trak.get(b"edts"), timescale, movie, max(map(add, raw, offsets)))
    if shift is None:
        return None
    dts = array("q", (stamp + shift for stamp in raw[:count]))
    pts = dts if b"ctts" not in tables else array("q", map(add, dts, offsets))
    keys = bytearray(b"\1" * count)
    if b"stss" in tables:
        keys = bytearray(count)
        for number in _numbers(tables[b"stss"]):
            keys[number - 1] = 1
    return Stored(timescale, places, sizes, dts, pts, durations, bytes(keys))


def _shift(edits: bytes | None, timescale: int, movie: int, last_shown: int) -> int | None:
    """What is added to stamps: nothing is shown for a while, then everything from one time on; None for other edits."""
    if edits is None:
        return 0
    table = child(edits, b"elst")
    entry = struct.Struct(">QqI" if table[0] else ">IiI")
    entries = [entry.unpack_from(table, 8 + n * entry.size) for n in range(_number(table, 4))]
    if not entries or any(rate != 0x10000 for _, _, rate in entries):
        return None
    *empty, (length, begin, _) = entries
    begin = int(begin)
    if begin < 0 or any(media != -1 for _, media, _ in empty):
        return None
    if begin + length * timescale // movie <= last_shown:
        return None
    return _nearest(sum(int(one) for one, _, _ in empty) * timescale, movie) - begin


def _nearest(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _places(chunks: array[int], table: bytes, sizes: array[int]) -> array[int]:
    rows = [struct.unpack_from(">III", table, 8 + 12 * n) for n in range(_number(table, 4))]
    places = array("Q")
    number = 0
    for n, (first, per_chunk, description) in enumerate(rows):
        if description != 1 or first < 1:
            raise ValueError("another description")
        until = rows[n + 1][0] - 1 if n + 1 < len(rows) else len(chunks)
        for place in chunks[first - 1 : until]:
            some = sizes[number : number + per_chunk]
            places.extend(accumulate(some[:-1], initial=place))
            number += len(some)
    if len(places) != len(sizes):
        raise ValueError("samples without a place")
    return places


def _counted(table: bytes, code: str, count: int) -> array[int]:
    """`count` numbers out of pairs (how often, what)."""
    values = array(code)
    for n in range(_number(table, 4)):
        times, value = struct.unpack_from(f">I{code}", table, 8 + 8 * n)
        if times > count - len(values):
            raise ValueError("more values than samples")
        values.extend(array(code, (value,)) * times)
    if len(values) != count:
        raise ValueError("samples without a value")
    return values


def _numbers(table: bytes, code: str = "I") -> array[int]:
    """Of a table behind version and flags: a count, and so many numbers."""
    numbers = array(code)
    numbers.frombytes(table[8 : 8 + _number(table, 4) * numbers.itemsize])
    if len(numbers) != _number(table, 4):
        raise ValueError("a table that is cut off")
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _number(table: bytes, offset: int) -> int:
    (number,) = struct.unpack_from(">I", table, offset)
    return int(number)


def _timescale(header: bytes) -> int:
    timescale = _number(header, 20 if header[0] else 12)
    if not timescale:
        raise ValueError("no timescale")
    return timescale


def _is_inside(references: bytes) -> bool:
    """Whether the only data reference is to the file itself."""
    return _number(references, 4) == 1 and bool(_number(references, 16) & 1)
