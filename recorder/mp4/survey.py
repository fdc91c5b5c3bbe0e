"""The boxes of an MP4, as far as they tell how much of a file is whole.

Of the boxes only headers are read; of fragments that may not have been synced when the power went, everything.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from recorder.mp4.sums import read_sum

TAIL_BYTES = 128 << 20
"""A power cut can have torn nothing farther from the end than this: the queue of a recorder whose disk froze
(64 MiB) may be written at once, and what comes within a sync's cadence after it.
"""
_READ_BYTES = 1 << 20
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
    """`closed`: an ordinary, finished MP4. Else the first `usable` bytes are a header and whole fragments; 0 = none.

    `behind` counts the bytes of whole fragments that stand behind one with another checksum than was written.
    """

    closed: bool
    usable: int
    behind: int = 0


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
    """How much of a file can be used, of one that was written by `writer` and cut off anywhere."""
    usable, behind, header, media, torn = 0, 0, False, False, False
    fragment: Box | None = None
    told: tuple[int, int] | None = None
    for box in boxes(read_at, size):
        if box.kind == b"moov":
            if media and not header:
                return Survey(closed=True, usable=box.end)
            header = True
        elif box.kind == b"uuid":
            told = read_sum(read_at(box.offset, box.size)) if box.size < _READ_BYTES else None
        elif box.kind == b"moof":
            fragment = box if header else None
        elif box.kind == b"mdat":
            media = True
            if fragment is not None:
                whole = fragment.offset < size - TAIL_BYTES or _as_written(read_at, fragment.offset, box.end, told)
                torn = torn or not whole
                if not torn:
                    usable = box.end
                elif whole:
                    behind += box.end - fragment.offset
            fragment = told = None
    return Survey(closed=False, usable=usable, behind=behind)


def _as_written(read_at: ReadAt, start: int, end: int, told: tuple[int, int] | None) -> bool:
    """Whether a fragment has the checksum told in front of it; one without is believed."""
    if told is None:
        return True
    crc, length = told
    if length != end - start:
        return False
    found = 0
    for offset in range(start, end, _READ_BYTES):
        found = zlib.crc32(read_at(offset, min(_READ_BYTES, end - offset)), found)
    return found == crc
