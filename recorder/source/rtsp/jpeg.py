"""Motion JPEG over RTP (RFC 2435): the scan comes in pieces, the headers of the file are made anew for each picture.

Types 0 and 1 (4:2:2 and 4:2:0), with restart markers 64 and 65; quantisation tables by their number or in band.
"""

from __future__ import annotations

from collections.abc import Sequence

from recorder.source.rtsp.problems import NotOurs
from recorder.source.rtsp.units import Unit

_HEADER_BYTES, _RESTART_BYTES, _TABLES_BYTES = 8, 4, 4
_RESTARTS = 64
_LAST_COMPUTED_Q, _FIRST_TABLES_Q, _TABLES_EACH_TIME_Q = 99, 128, 255
_END = b"\xff\xd9"
_SIZE_AT = 2 + 18 + 5  # behind the start, APP0, and the head of SOF0

# ITU-T T.81, tables K.1 and K.2, in zigzag order.
_LUMA = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933"
    "383740485c4e404457453738506d51575f626768673e4d71797064785c656763"
)
_CHROMA = bytes.fromhex("1112121815182f1a1a2f6342384263") + b"\x63" * 49
# T.81, tables K.3 to K.6: class and destination, how many codes of each length, and what they stand for.
_HUFFMAN = tuple(
    bytes.fromhex(table)
    for table in (
        "00 00010501010101010100000000000000 000102030405060708090a0b",
        "10 0002010303020403050504040000017d 01020300041105122131410613516107227114328191a1082342b1c11552d1f02433"
        "627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a7374757677"
        "78797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6"
        "d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
        "01 00030101010101010101010000000000 000102030405060708090a0b",
        "11 00020102040403040705040400010277 000102031104052131061241510761711322328108144291a1b1c109233352f01562"
        "72d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768696a73747576"
        "7778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4"
        "d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
    )
)


class Jpeg:
    """The pictures of one track. `size`: what SDP says of pictures that are too large for the header to say."""

    def __init__(self, size: tuple[int, int] = (0, 0)) -> None:
        self._size = size
        self._stamp = -1
        self._pieces: list[bytes] = []
        self._have = 0
        self._lost = 0
        self._spoilt = -1  # the stamp of a picture that is given up
        self._head = b""
        self._tables: dict[int, bytes] = {}

    def push(self, payload: memoryview | bytes, stamp: int, marker: int, lost: int) -> Sequence[Unit]:
        """See `Depacketiser.push`."""
        units: list[Unit] = []
        self._lost += lost
        if self._pieces and stamp != self._stamp:
            # Not every camera sets the marker; behind a loss nobody knows whether the end had come.
            if lost:
                self._pieces.clear()
            else:
                units.append(self._whole())
        offset = int.from_bytes(payload[1:4], "big")
        begin = self._begin(payload, stamp) if offset == 0 else self._scan_at(payload)
        if not begin or offset != self._have or (offset and not self._pieces) or stamp == self._spoilt:
            self._spoil(stamp, lost)
            return units
        self._pieces.append(bytes(payload[begin:]))
        self._have += len(payload) - begin
        if marker:
            units.append(self._whole())
        return units

    def settle(self) -> None:
        """Everything is copied as it comes."""

    def _spoil(self, stamp: int, lost: int) -> None:
        if stamp != self._spoilt and not lost and not (self._lost and not self._pieces):
            self._lost += 1  # nothing was lost on the way, and still it is not whole
        self._spoilt = stamp
        self._pieces.clear()

    def _whole(self) -> Unit:
        scan = b"".join(self._pieces)
        self._pieces.clear()
        lost, self._lost = self._lost, 0
        return Unit(self._head + scan + (b"" if scan.endswith(_END) else _END), self._stamp, True, lost)

    def _begin(self, payload: memoryview | bytes, stamp: int) -> int:
        """A picture begins: make its headers; where in the payload its scan begins, 0 where that makes no sense."""
        begin = self._scan_at(payload)
        if not begin or stamp == self._spoilt:
            return 0
        kind, quality = payload[4], payload[5]
        width, height = payload[6] * 8 or self._size[0], payload[7] * 8 or self._size[1]
        if not width or not height:
            raise NotOurs("JPEG pictures of more than 2040 pixels, of which the SDP says nothing")
        interval = payload[8] << 8 | payload[9] if kind >= _RESTARTS else 0
        tables, precision = self._tables_of(quality), 0
        if quality >= _FIRST_TABLES_Q:
            precision, length = payload[begin + 1], payload[begin + 2] << 8 | payload[begin + 3]
            begin += _TABLES_BYTES
            if length:
                tables = bytes(payload[begin : begin + length])
                begin += length
                if begin > len(payload):
                    return 0
                if quality != _TABLES_EACH_TIME_Q:
                    self._tables[quality] = tables
        if not tables:
            return 0  # they came with a packet that was lost
        self._stamp, self._have, self._pieces = stamp, 0, []
        self._head = head(kind % _RESTARTS, width, height, tables, precision=precision, interval=interval)
        return begin

    def _scan_at(self, payload: memoryview | bytes) -> int:
        """Where the scan, or a header of tables in front of it, begins; 0 for a packet that is too short."""
        if len(payload) < _HEADER_BYTES + 1:
            return 0
        kind = payload[4]
        if kind % _RESTARTS > 1 or kind >= 2 * _RESTARTS:
            raise NotOurs(f"JPEG of type {kind}")
        begin = _HEADER_BYTES + (_RESTART_BYTES if kind >= _RESTARTS else 0)
        first_with_tables = payload[5] >= _FIRST_TABLES_Q and not any(payload[1:4])
        return begin if begin + (_TABLES_BYTES if first_with_tables else 0) < len(payload) else 0

    def _tables_of(self, quality: int) -> bytes:
        if 1 <= quality <= _LAST_COMPUTED_Q:
            return scaled(quality)
        return self._tables.get(quality, b"")


def scaled(quality: int) -> bytes:
    """Both quantisation tables of a Q from 1 to 99 (RFC 2435, 4.2)."""
    factor = 5000 // quality if quality < 50 else 200 - quality * 2
    return bytes(min(255, max(1, (step * factor + 50) // 100)) for step in _LUMA + _CHROMA)


def head(kind: int, width: int, height: int, tables: bytes, *, precision: int, interval: int) -> bytes:
    """Everything in front of the scan; `tables` one or several, each of 64 bytes, or 128 by its bit in `precision`.

    Raises `NotOurs` where they are no tables.
    """
    out = b"\xff\xd8" + _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    luma_sampling = 0x22 if kind else 0x21
    frame = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x03"
    count, quantisers, position = 0, b"", 0
    while position < len(tables) and count < 4:
        wide = precision >> count & 1
        following = position + 64 * (1 + wide)
        if following > len(tables):
            raise NotOurs("JPEG with broken quantisation tables")
        quantisers += _segment(0xDB, bytes((wide << 4 | count,)) + tables[position:following])
        position, count = following, count + 1
    chroma = 1 if count > 1 else 0
    out += _segment(0xC0, frame + bytes((1, luma_sampling, 0, 2, 0x11, chroma, 3, 0x11, chroma))) + quantisers
    if interval:
        out += _segment(0xDD, interval.to_bytes(2, "big"))
    out += b"".join(_segment(0xC4, table) for table in _HUFFMAN)
    return out + _segment(0xDA, bytes((3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0)))


def size_of(picture: bytes) -> tuple[int, int]:
    """Width and height of a picture that was put together here."""
    height, width = picture[_SIZE_AT : _SIZE_AT + 2], picture[_SIZE_AT + 2 : _SIZE_AT + 4]
    return int.from_bytes(width, "big"), int.from_bytes(height, "big")


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body
