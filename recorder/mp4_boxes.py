"""The boxes of an MP4, as far as they tell how much of a file is whole. Only headers are read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ReadAt = Callable[[int, int], bytes]
"""`read_at(offset, count)`: at most `count` bytes from `offset`."""

_TOP_LEVEL = frozenset(
    (
        b"ftyp",
        b"styp",
        b"free",
        b"skip",
        b"moov",
        b"moof",
        b"mdat",
        b"sidx",
        b"mfra",
        b"uuid",
        b"wide",
        b"emsg",
        b"prft",
    )
)


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the top level, wholly inside the file."""

    kind: bytes
    offset: int
    size: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class Survey:
    """`closed`: an ordinary, finished MP4. Else the first `usable` bytes are a header and whole fragments; 0 = none."""

    closed: bool
    usable: int


def boxes(read_at: ReadAt, size: int) -> Iterator[Box]:
    """The whole boxes from the start of a file of `size` bytes; ends where something torn or foreign begins."""
    offset = 0
    while offset + 8 <= size:
        length, kind = struct.unpack(">I4s", read_at(offset, 8).ljust(8, b"\0"))
        header = 8
        if length == 1:
            header = 16
            (length,) = struct.unpack(">Q", read_at(offset + 8, 8).ljust(8, b"\0"))
        if length < header or offset + length > size or kind not in _TOP_LEVEL:
            return
        yield Box(kind, offset, length)
        offset += length


def survey(read_at: ReadAt, size: int) -> Survey:
    """How much of a file can be used, of one that was written as `hybrid_fragmented` and cut off anywhere."""
    usable, header, media, fragment = 0, False, False, False
    for box in boxes(read_at, size):
        if box.kind == b"moov":
            if media and not header:
                return Survey(closed=True, usable=box.end)
            header = True
        elif box.kind == b"moof":
            fragment = header
        elif box.kind == b"mdat":
            media = True
            if fragment:
                usable, fragment = box.end, False
    return Survey(closed=False, usable=usable)
