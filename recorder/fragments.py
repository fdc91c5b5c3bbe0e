"""Between libavformat and the disk: whole boxes only, and a checksum in front of each fragment.

A power cut may keep any part of what was not yet synced: blocks in the middle of a fragment whose header stands.  Only
a checksum tells such a fragment from a whole one.  Its place is the `prft` box (producer reference time, 32 bytes) that
libavformat writes in front of each fragment on demand; on the way to the disk it becomes a `uuid` box of the same size:

    32 "uuid" <16 bytes: FRAGMENT_SUM> <CRC-32 of moof and mdat> <length of both>

The index of a long slice is written with gaps that are filled afterwards.  It too waits here until it is whole, so
that a file only grows, but for libavformat's very last 8 bytes.
"""

from __future__ import annotations

import struct
import zlib
from uuid import UUID

from recorder.synced_file import SyncedFile

FRAGMENT_SUM = UUID("6b1f1f5e-52a6-4c3a-9c0e-8d5a4c1f0b27").bytes
"""The user type of our box."""
SUM_BYTES = 32
_SUM = struct.Struct(">I4s16sII")
_FRAGMENT = (b"prft", b"moof", b"mdat")


class WholeBoxes:
    """A file for PyAV, in front of a `SyncedFile`; raises what that raises."""

    def __init__(self, file: SyncedFile) -> None:
        self.name = file.name
        self._file = file
        self._written = file.end  # of the file's bytes; what comes behind them is held
        self._held = bytearray()
        self._position = file.end

    def write(self, data: bytes) -> int:
        """Take it all; to the file goes what is whole."""
        if self._file.error is not None:
            raise self._file.error
        if self._position < self._written:
            self._write_back(data)
        else:
            start = self._position - self._written
            self._held[start : start + len(data)] = data
            self._pass_on()
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As for any file."""
        self._position = offset + (0, self._position, self._written + len(self._held))[whence]
        return self._position

    def tell(self) -> int:
        """As for any file."""
        return self._position

    def flush(self) -> None:
        """Whole or not, to the file with it."""
        if self._held:
            self._append(bytes(self._held))
            self._held.clear()

    def _pass_on(self) -> None:
        while count := _whole(self._held):
            with memoryview(self._held) as held:
                if bytes(held[4:8]) == b"prft":
                    held[:SUM_BYTES] = sum_box(held[SUM_BYTES:count])
                self._append(held[:count])
            if count == len(self._held):
                self._held = bytearray()  # its memory goes, until the next fragment
            else:
                del self._held[:count]

    def _append(self, data: bytes | memoryview) -> None:
        self._file.seek(0, 2)
        self._file.write(data)
        self._written += len(data)

    def _write_back(self, data: bytes) -> None:
        self.flush()
        self._file.seek(self._position)
        self._file.write(data)


def sum_box(fragment: bytes | bytearray | memoryview) -> bytes:
    """What stands in front of a fragment (`moof` and `mdat`)."""
    return _SUM.pack(SUM_BYTES, b"uuid", FRAGMENT_SUM, zlib.crc32(fragment), len(fragment))


def read_sum(box: bytes) -> tuple[int, int] | None:
    """CRC-32 and length of the fragment behind such a box; None for any other."""
    if len(box) != SUM_BYTES:
        return None
    size, kind, usertype, crc, length = _SUM.unpack(box)
    return (crc, length) if (size, kind, usertype) == (SUM_BYTES, b"uuid", FRAGMENT_SUM) else None


def _whole(held: bytearray) -> int:
    """The length of the box, or fragment, that `held` begins with; 0 while it is not whole."""
    if held[4:8] != b"prft" or _box_length(held, 0) != SUM_BYTES:
        return _box_length(held, 0)
    end = 0
    for kind in _FRAGMENT:
        if len(held) < end + 8:
            return 0
        if held[end + 4 : end + 8] != kind:
            return end  # no fragment follows after all
        length = _box_length(held, end)
        if not length:
            return 0
        end += length
    return end


def _box_length(held: bytearray, start: int) -> int:
    """The length of a whole box; 0 where it is not whole, or its length not yet filled in."""
    length = int.from_bytes(held[start : start + 4], "big")
    if length == 1:
        length = int.from_bytes(held[start + 8 : start + 16], "big")
    return length if 8 <= length <= len(held) - start else 0
