"""Parameter sets of H.264 (SPS, PPS) and H.265 (VPS, SPS, PPS): where they stand in packets and extradata, and whether
they changed.

Cameras change resolution or profile in mid-stream and say so only by other sets in front of a key frame.  A file has
room for one description, so a change must begin a new one.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from itertools import pairwise
from typing import Literal

SetCodec = Literal["h264", "hevc"]
Sets = dict[int, tuple[bytes, ...]]  # NAL unit type -> the units of that type

_START_CODE = re.compile(rb"\x00\x00\x01")
_KINDS: dict[str, tuple[int, ...]] = {"h264": (7, 8), "hevc": (32, 33, 34)}


def length_bytes(codec: SetCodec, extradata: bytes) -> int:
    """How NAL units stand in packets: 0 behind start codes (Annex B), else behind a length of that many bytes.

    The extradata says it: `avcC` and `hvcC` begin with a version 1, Annex B with zeros.
    """
    position = 4 if codec == "h264" else 21
    if not extradata or extradata[0] == 0 or len(extradata) <= position:
        return 0
    return (extradata[position] & 3) + 1


def nal_units(data: bytes, length_size: int) -> Iterator[bytes]:
    """The NAL units of an access unit, without start codes or lengths. What is cut off at the end is left out."""
    if length_size:
        yield from _length_prefixed(data, length_size)
        return
    starts = [match.end() for match in _START_CODE.finditer(data)]
    for start, following in pairwise((*starts, len(data) + 3)):
        if unit := data[start : following - 3].rstrip(b"\x00"):
            yield unit


def sets_in_packet(codec: SetCodec, data: bytes, length_size: int) -> Sets:
    """The parameter sets that stand in an access unit; empty for most."""
    return _by_kind(codec, nal_units(data, length_size))


def sets_in_extradata(codec: SetCodec, extradata: bytes) -> Sets:
    """The parameter sets in extradata of either form (Annex B, or `avcC`/`hvcC` as MP4, Matroska and FLV have them)."""
    if not length_bytes(codec, extradata):
        return _by_kind(codec, nal_units(extradata, 0))
    units = _avcc_units(extradata) if codec == "h264" else _hvcc_units(extradata)
    return _by_kind(codec, units)


def annex_b(sets: Sets) -> bytes:
    """Extradata with start codes, in the order of the types: VPS before SPS before PPS."""
    return b"".join(b"\x00\x00\x00\x01" + unit for kind in sorted(sets) for unit in sets[kind])


def changed(known: Sets, seen: Sets) -> bool:
    """Whether `seen` holds a set that is not known. Cameras may repeat only some of their sets: fewer is no change."""
    return any(unit not in known.get(kind, ()) for kind, units in seen.items() for unit in units)


def nal_type(codec: SetCodec, unit: bytes) -> int:
    """`nal_unit_type` (H.264 7.3.1, H.265 7.3.1.2)."""
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def _by_kind(codec: SetCodec, units: Iterator[bytes]) -> Sets:
    sets: Sets = {}
    for unit in units:
        kind = nal_type(codec, unit)
        if kind in _KINDS[codec] and unit not in sets.get(kind, ()):
            sets[kind] = (*sets.get(kind, ()), unit)
    return sets


def _length_prefixed(data: bytes, length_size: int) -> Iterator[bytes]:
    position = 0
    while position + length_size < len(data):
        length = int.from_bytes(data[position : position + length_size], "big")
        position += length_size
        if not length or position + length > len(data):
            return
        yield data[position : position + length]
        position += length


def _counted_units(extradata: bytes, position: int, count: int) -> Generator[bytes, None, int]:
    """So many NAL units, each behind a 16-bit length, and where they end: nowhere in the record if one is cut short."""
    for _ in range(count):
        length = int.from_bytes(extradata[position : position + 2], "big")
        unit = extradata[position + 2 : position + 2 + length]
        position += 2 + length
        if not unit or len(unit) < length:
            return len(extradata)
        yield unit
    return position


def _avcc_units(extradata: bytes) -> Iterator[bytes]:
    """ISO/IEC 14496-15, 5.3.3.1: counted SPS from byte 5, then counted PPS, each with a 16-bit length."""
    position = 5
    for mask in (0x1F, 0xFF):
        if position >= len(extradata):
            return
        position = yield from _counted_units(extradata, position + 1, extradata[position] & mask)


def _hvcc_units(extradata: bytes) -> Iterator[bytes]:
    """ISO/IEC 14496-15, 8.3.3.1: from byte 22 counted arrays of NAL units, each unit with a 16-bit length."""
    if len(extradata) < 23:
        return
    position = 23
    for _ in range(extradata[22]):
        count = int.from_bytes(extradata[position + 1 : position + 3], "big")
        position = yield from _counted_units(extradata, position + 3, count)
