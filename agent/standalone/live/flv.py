"""FLV tags: taken from a byte stream, understood as far as a relay has to, written again at another time. No I/O.

Adobe's "Video File Format Specification" 10.1, and enhanced RTMP v2 for codecs that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

MAX_TAG_BYTES = 8 << 20
_FILE_HEAD = 9
_TAG_HEAD = 11
_TRAILER = 4


class FlvError(ValueError):
    """A byte stream that is no FLV."""


class Kind(IntEnum):
    """What a tag carries."""

    AUDIO = 8
    VIDEO = 9
    SCRIPT = 18


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag; `at` is its time stamp in ms. `body` is without head and trailer."""

    kind: Kind
    at: int
    body: bytes

    @property
    def codec(self) -> bytes:
        """Tells its codec from every other one of its kind; empty for a script."""
        if self.kind is Kind.SCRIPT or not self.body:
            return b""
        if self._enhanced:
            return self.body[1:5]
        return bytes([self.body[0] & 0x0F if self.kind is Kind.VIDEO else self.body[0] >> 4])

    @property
    def is_header(self) -> bool:
        """Whether it configures a decoder (sequence header)."""
        if len(self.body) < 2 or self.kind is Kind.SCRIPT:
            return False
        if self._enhanced:
            return self._packet_type == 0
        return self.codec in (_AVC if self.kind is Kind.VIDEO else _AAC) and self.body[1] == 0

    @property
    def is_aside(self) -> bool:
        """Whether it is not passed on: the end of the stream, for the next publisher may be near, and notes on colours,
        which come once and would reach the first viewers only.
        """
        if len(self.body) < 2 or self.kind is Kind.SCRIPT:
            return False
        if self._enhanced:
            return self._packet_type in (2, 4)
        return self.kind is Kind.VIDEO and self.codec == _AVC[0] and self.body[1] == 2

    @property
    def is_key(self) -> bool:
        """Whether a viewer may begin with it, as far as the picture goes."""
        return (
            self.kind is Kind.VIDEO
            and bool(self.body)
            and self.body[0] >> 4 & 0x07 == 1
            and not self.is_header
            and not self.is_aside
        )

    @property
    def _enhanced(self) -> bool:
        if self.kind is Kind.VIDEO:
            return bool(self.body[0] & 0x80)
        return self.body[0] >> 4 == _ENHANCED_AUDIO

    @property
    def _packet_type(self) -> int:
        return self.body[0] & 0x0F

    def written(self, at: int) -> bytes:
        """The tag in a file, at this time."""
        at &= 0xFFFFFFFF
        size = len(self.body)
        head = bytes([self.kind]) + size.to_bytes(3, "big") + (at & 0xFFFFFF).to_bytes(3, "big") + bytes([at >> 24])
        return b"".join((head, bytes(3), self.body, (size + _TAG_HEAD).to_bytes(_TRAILER, "big")))


_AVC = (b"\x07", b"\x0c")  # H.264, and H.265 as some publish it without enhanced FLV
_AAC = (b"\x0a",)
_ENHANCED_AUDIO = 9


def file_head(*, video: bool, audio: bool) -> bytes:
    """The beginning of a file."""
    return b"FLV\x01" + bytes([audio << 2 | video]) + _FILE_HEAD.to_bytes(4, "big") + bytes(_TRAILER)


class TagReader:
    """Bytes in, whole tags out; what is neither picture nor sound nor script is passed over. Holds one tag at most."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[Tag]:
        """The tags that are whole now; `FlvError` where the bytes are none."""
        buffer = self._buffer
        buffer += data
        if not self._begun and not self._take_head():
            return
        while len(buffer) >= _TAG_HEAD:
            size = int.from_bytes(buffer[1:4], "big")
            if size > MAX_TAG_BYTES:
                raise FlvError(f"a tag of {size} bytes")
            end = _TAG_HEAD + size + _TRAILER
            if len(buffer) < end:
                return
            number, at = buffer[0] & 0x1F, int.from_bytes(buffer[4:7], "big") | buffer[7] << 24
            body = bytes(memoryview(buffer)[_TAG_HEAD : end - _TRAILER])
            if int.from_bytes(buffer[end - _TRAILER : end], "big") not in (size + _TAG_HEAD, 0):
                raise FlvError("a tag that does not end where it says")
            del buffer[:end]
            if number in _KINDS:
                yield Tag(_KINDS[number], at, body)

    def _take_head(self) -> bool:
        if self._buffer[:4] != b"FLV\x01"[: len(self._buffer[:4])]:
            raise FlvError("it does not begin as FLV")
        if len(self._buffer) < _FILE_HEAD + _TRAILER:
            return False
        begin = int.from_bytes(self._buffer[5:9], "big") + _TRAILER
        if begin != _FILE_HEAD + _TRAILER:
            raise FlvError("a head of another length")
        del self._buffer[:begin]
        self._begun = True
        return True


_KINDS = {int(kind): kind for kind in Kind}
