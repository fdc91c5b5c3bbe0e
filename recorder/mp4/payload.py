"""What a packet becomes in an MP4, where that is not what the source sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from recorder import parameter_sets
from recorder.packets import Track
from recorder.parameter_sets import SetCodec

_NOT_STORED = frozenset((2, 8, 15))
"""OBU types that a file leaves out: temporal delimiter, tile list, padding (AV1 in ISO-BMFF, 2.4)."""


def storing(track: Track) -> Callable[[bytes], bytes] | None:
    """What makes a packet's bytes those of a sample; None where they are the same."""
    if track.codec in ("h264", "hevc") and not parameter_sets.length_bytes(
        cast(SetCodec, track.codec), track.extradata
    ):
        return length_prefixed
    return stored_obus if track.codec == "av1" else None


def length_prefixed(data: bytes) -> bytes:
    """NAL units behind start codes (Annex B) as units behind lengths of four bytes (ISO/IEC 14496-15)."""
    parts: list[bytes] = []
    for unit in parameter_sets.nal_units(data, 0):
        parts += (len(unit).to_bytes(4, "big"), unit)
    return b"".join(parts)


def as_sent(track: Track, sample: bytes) -> bytes:
    """A sample's bytes as a decoder of this track takes them."""
    if storing(track) is not length_prefixed:
        return sample
    return b"".join(b"\0\0\0\1" + unit for unit in parameter_sets.nal_units(sample, 4))


def stored_obus(data: bytes) -> bytes:
    """A temporal unit without the OBUs that a file leaves out; one that cannot be taken apart stays as it is."""
    found = list(_obus(data))
    if not found or found[-1][2] != len(data) or not any(kind in _NOT_STORED for kind, _, _ in found):
        return data
    return b"".join(data[start:end] for kind, start, end in found if kind not in _NOT_STORED)


def _obus(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Type, start and end of each OBU (AV1 5.3); ends in front of one that is cut off."""
    start, end = 0, len(data)
    while start < end:
        kind, position = data[start] >> 3 & 0xF, start + (2 if data[start] & 4 else 1)
        size, shift = end - position, 0
        if data[start] & 2:
            size = 0
            while True:
                if position >= end or shift > 49:
                    return
                byte = data[position]
                position += 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
        if size < 0 or position + size > end:
            return
        yield kind, start, position + size
        start = position + size
