"""One access unit into RTP payloads, as cameras do it: a few lines a codec, each by its RFC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, cast

from recorder import parameter_sets
from recorder.parameter_sets import SetCodec
from tests.camera.film import FilmTrack, Unit
from tests.media import obus

MTU = 1200
"""The largest payload."""
_TEMPORAL_DELIMITER = 2  # an OBU that RTP leaves out
SetsIn = Literal["sdp", "band", "both"]


def payloads(track: FilmTrack, unit: Unit, sets_in: SetsIn = "both", mtu: int = MTU) -> list[bytes]:
    """The payloads of a unit, in order; the last one of a picture bears the marker."""
    if track.codec in ("h264", "hevc"):
        codec = cast(SetCodec, track.codec)
        units = list(parameter_sets.nal_units(unit.data, 0))
        if unit.is_key and sets_in != "sdp":
            units = [*unit.sets, *units]
        fragment = _fu_h264 if codec == "h264" else _fu_hevc
        return [piece for nal in units for piece in ([nal] if len(nal) <= mtu else fragment(nal, mtu))]
    return _PAYLOADS[track.codec](unit.data, mtu)


def _fu_h264(nal: bytes, mtu: int) -> Iterator[bytes]:
    """FU-A (RFC 6184, 5.8)."""
    pieces = _cut(nal[1:], mtu - 2)
    for index, piece in enumerate(pieces):
        flags = (index == 0) << 7 | (index == len(pieces) - 1) << 6
        yield bytes([nal[0] & 0xE0 | 28, flags | nal[0] & 0x1F]) + piece


def _fu_hevc(nal: bytes, mtu: int) -> Iterator[bytes]:
    """Fragmentation unit (RFC 7798, 4.4.3)."""
    kind = nal[0] >> 1 & 0x3F
    pieces = _cut(nal[2:], mtu - 3)
    for index, piece in enumerate(pieces):
        flags = (index == 0) << 7 | (index == len(pieces) - 1) << 6
        yield bytes([nal[0] & 0x81 | 49 << 1, nal[1], flags | kind]) + piece


def _aac(data: bytes, _: int) -> list[bytes]:
    """One AU in AAC-hbr (RFC 3640, 3.3.6): 16 bits of headers, 13 of them the length."""
    return [b"\x00\x10" + (len(data) << 3).to_bytes(2, "big") + data]


def _mpa(data: bytes, _: int) -> list[bytes]:
    """An audio frame behind four zero bytes (RFC 2250, 3.5)."""
    return [b"\x00\x00\x00\x00" + data]


def _whole(data: bytes, _: int) -> list[bytes]:
    return [data]


def _jpeg(data: bytes, mtu: int) -> list[bytes]:
    """A baseline JPEG (RFC 2435): quantisation tables in the first packet, type 1 (4:2:0), no restart markers."""
    tables, width, height, scan = _jpeg_parts(data)
    pieces = _cut(scan, mtu - 140)
    out, offset = [], 0
    for piece in pieces:
        header = bytes([0]) + offset.to_bytes(3, "big") + bytes([1, 255, width // 8, height // 8])
        if offset == 0:
            header += b"\x00\x00" + len(tables).to_bytes(2, "big") + tables
        out.append(header + piece)
        offset += len(piece)
    return out


def _jpeg_parts(data: bytes) -> tuple[bytes, int, int, bytes]:
    """Luma and chroma tables, width, height, and the scan with its end marker."""
    tables: dict[int, bytes] = {}
    width = height = 0
    position = 2
    while True:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        body = data[position + 4 : position + 2 + length]
        if marker == 0xDB:
            while body:
                tables[body[0] & 15], body = body[1:65], body[65:]
        elif marker == 0xC0:
            height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        position += 2 + length
        if marker == 0xDA:
            break
    luma = tables[0]
    return luma + tables.get(1, luma), width, height, data[position:]


def _av1(data: bytes, mtu: int) -> list[bytes]:
    """OBU elements, one a packet or a fragment of one (RTP payload format for AV1, 4.4), W = 1."""
    elements = []
    has_sequence = False
    for kind, payload in obus(data):
        if kind == _TEMPORAL_DELIMITER:
            continue
        has_sequence = has_sequence or kind == 1
        elements.append(bytes([kind << 3]) + payload)  # without a size field
    out: list[bytes] = []
    for element in elements:
        pieces = _cut(element, mtu - 1)
        for index, piece in enumerate(pieces):
            first_of_sequence = has_sequence and not out
            flags = (index > 0) << 7 | (index < len(pieces) - 1) << 6 | 1 << 4 | first_of_sequence << 3
            out.append(bytes([flags]) + piece)
    return out


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


_PAYLOADS: dict[str, Callable[[bytes, int], list[bytes]]] = {
    "mjpeg": _jpeg,
    "av1": _av1,
    "aac": _aac,
    "mp2": _mpa,
    "pcm_alaw": _whole,
    "pcm_mulaw": _whole,
    "g726": _whole,
    "opus": _whole,
    "pcm_s16be": _whole,
}
