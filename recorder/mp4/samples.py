"""One track's samples: what a fragment says of the newest, and what the index of the closed file says of all.

Stamps count in the file's `timescale` from the file's own zero.  Of a sample the size is kept (four bytes), everything
else in runs of equal values, so that an hour of a camera takes about a megabyte until its file is closed.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from operator import add

from recorder.mp4.boxes import box, full_box
from recorder.mp4.payload import storing
from recorder.packets import Packet, Track

_SYNC, _NO_SYNC = 0x02000000, 0x01010000
"""Sample flags (8.8.3.1): depends on no other; depends on others and is no sync sample."""
_PER_SAMPLE = 0x100 | 0x200
_FLAGS_AND_OFFSETS = 0x400 | 0x800
_BASE_IS_MOOF, _DEFAULT_FLAGS = 0x020000, 0x20
_MOST = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Run:
    """The samples of a track in one fragment. `fields`: duration, size and, for a picture, flags and offset of each."""

    number: int
    kind: str
    since: int
    fields: Sequence[int]
    data: Sequence[bytes]
    size: int

    @property
    def header_bytes(self) -> int:
        """The size of its `traf`."""
        return 8 + 20 + 20 + 20 + 4 * len(self.fields)

    def header(self, data_offset: int) -> bytes:
        """Its `traf`; `data_offset` from the beginning of the `moof` to its data."""
        flags = 0x1 | _PER_SAMPLE | (_FLAGS_AND_OFFSETS if self.kind == "video" else 0)
        return box(
            b"traf",
            full_box(b"tfhd", 0, _BASE_IS_MOOF | _DEFAULT_FLAGS, struct.pack(">II", self.number, _SYNC)),
            full_box(b"tfdt", 1, 0, struct.pack(">Q", self.since)),
            full_box(
                b"trun",
                0,
                flags,
                struct.pack(f">Ii{len(self.fields)}I", len(self.data), data_offset, *self.fields),
            ),
        )


class Samples:
    """`number` is the track's in the file, from 1. Packets come with `add`; `take` makes a run of those that wait."""

    def __init__(self, track: Track, number: int) -> None:
        self.number = number
        self.kind = track.kind
        self.timescale = timescale_of(track)
        self.waiting: list[Packet] = []
        self.start: int | None = None
        """The decode time that the header told as the track's beginning; 0 where it had to be written before."""
        self.begin = 0  # the decode time of the first sample
        self.lead = 0  # how much later it is shown
        self.count = 0
        self._ticks = _conversion(track.time_base, self.timescale)
        self._store = storing(track)
        self._base = 0
        self._last = -1
        self._usual = 0  # the duration of the last sample, while no other follows
        self._offset = 0  # how much later than decoded the last sample is shown
        self._until = 0  # when all samples but the last have been shown
        self._sizes = array("I")
        self._durations = _Counted()
        self._offsets = _Counted()
        self._keys = array("I")
        self._chunks = array("Q")
        self._per_chunk = array("I")

    def first_sec(self) -> Fraction:
        """The first decode stamp that waits, in seconds of media time."""
        packet = self.waiting[0]
        return (packet.dts or 0) * packet.track.time_base

    def begin_at(self, base: Fraction) -> None:
        """The file's zero is this media time; what waits, if anything does, tells where the track begins."""
        self._base = base.numerator * self.timescale // base.denominator
        self.start = 0
        if self.waiting:
            packet = self.waiting[0]
            self.start = max(self._to_ticks(packet.dts) - self._base, 0)
            self.lead = max(self._to_ticks(packet.pts) - self._base - self.start, 0)

    def take(self) -> Run | None:
        """The packets that wait, as the samples of a fragment."""
        packets, self.waiting = self.waiting, []
        if not packets:
            return None
        assert self.start is not None
        ticks, base, last = self._ticks, self._base, self._last
        stamps: list[int] = []
        offsets: list[int] = []
        for packet in packets:
            dts, pts = packet.dts, packet.pts
            assert dts is not None
            assert pts is not None
            if ticks is not None:
                dts, pts = ticks(dts), ticks(pts)
            last = dts - base if dts - base > last else last + 1
            stamps.append(last)
            offsets.append(pts - base - last if pts - base > last else 0)
        durations = [after - before for before, after in pairwise(stamps)]
        if not self.count:
            self.begin, self.lead = stamps[0], offsets[0]
        else:
            self._durations.extend((stamps[0] - self._last,))
        self._durations.extend(durations)
        self._offsets.extend(offsets)
        duration = packets[-1].duration
        self._usual = max(1, duration if ticks is None else ticks(duration)) if duration > 0 else max(1, self._usual)
        durations.append(self._usual)
        self._last = last
        # Shown for as long as it is until the next one is decoded.
        self._until = max(self._until, *map(add, stamps, (self._offset, *offsets)))
        self._offset = offsets[-1]
        store = self._store
        data = [packet.data for packet in packets] if store is None else [store(packet.data) for packet in packets]
        sizes = list(map(len, data))
        self._sizes.extend(sizes)
        if self.kind == "video":
            keys = [packet.is_key for packet in packets]
            self._keys.extend([number for number, key in enumerate(keys, self.count + 1) if key])
            fields = _in_turns(durations, sizes, [_SYNC if key else _NO_SYNC for key in keys], offsets)
        else:
            fields = _in_turns(durations, sizes)
        self.count += len(packets)
        self._per_chunk.append(len(packets))
        return Run(self.number, self.kind, stamps[0] - self.start, fields, data, sum(sizes))

    def placed(self, offset: int) -> None:
        """Where in the file the run that was taken last begins."""
        self._chunks.append(offset)

    def place_of(self, number: int) -> tuple[int, int]:
        """Where in the file a sample that was placed lies, counted from 0, and its size."""
        first = chunk = 0
        while first + self._per_chunk[chunk] <= number:
            first += self._per_chunk[chunk]
            chunk += 1
        return self._chunks[chunk] + sum(self._sizes[first:number]), self._sizes[number]

    @property
    def media_ticks(self) -> int:
        """From the first sample to the end of the last, in decode time."""
        return self._last - self.begin + self._usual if self.count else 0

    @property
    def shown_ticks(self) -> int:
        """How long it is shown, from where its first sample is.

        Of a picture a tick more than that: with the second key frame that is shown until an edit is over, or longer,
        libavformat takes the edit for finished, and leaves out the samples behind it (`mov_fix_index`).
        """
        if not self.count:
            return 0
        until = max(self._until, self._last + self._offset + self._usual)
        return until + (self.kind == "video") - self.begin - self.lead

    def tables(self, description: bytes) -> bytes:
        """The contents of `stbl`; `description` is its `stsd`."""
        self._durations.extend((self._usual,))
        boxes = [description, full_box(b"stts", 0, 0, self._durations.table())]
        if self.kind == "video" and len(self._keys) < self.count:
            boxes.append(full_box(b"stss", 0, 0, _counted_table(self._keys)))
        if self._offsets.any:
            boxes.append(full_box(b"ctts", 0, 0, self._offsets.table()))
        boxes += (
            full_box(b"stsc", 0, 0, _chunk_table(self._per_chunk)),
            full_box(b"stsz", 0, 0, struct.pack(">I", 0), _counted_table(self._sizes)),
            _offset_box(self._chunks),
        )
        if self.kind == "audio":
            # Sound is decoded from one sample before the one wanted (10.1): AAC's frames overlap.
            boxes += (
                full_box(b"sgpd", 1, 0, struct.pack(">4sIIh", b"roll", 2, 1, -1)),
                full_box(b"sbgp", 0, 0, struct.pack(">4sIII", b"roll", 1, self.count, 1)),
            )
        return b"".join(boxes)

    def _to_ticks(self, stamp: int | None) -> int:
        assert stamp is not None
        return stamp if self._ticks is None else self._ticks(stamp)


class _Counted:
    """A list of numbers as pairs: how often, what."""

    def __init__(self) -> None:
        self._pairs = array("I")
        self._value = self._count = 0

    def extend(self, values: Sequence[int]) -> None:
        value, count = self._value, self._count
        for one in values:
            if one == value:
                count += 1
            else:
                if count:
                    self._pairs.extend((count, value))
                value, count = one, 1
        self._value, self._count = value, count

    @property
    def any(self) -> bool:
        """Whether anything but zeros is in it."""
        return bool(self._value or self._pairs)

    def table(self) -> bytes:
        pairs = self._pairs + array("I", (self._count, self._value) if self._count else ())
        return struct.pack(">I", len(pairs) // 2) + _big_endian(pairs)


def timescale_of(track: Track) -> int:
    """Ticks a second in the file: the sample rate, or the source's own, doubled until it is fine enough for players.

    As libavformat has it.
    """
    if track.kind == "audio" and track.sample_rate:
        return track.sample_rate
    timescale = track.time_base.denominator
    while timescale < 10_000:
        timescale *= 2
    return timescale


def _conversion(time_base: Fraction, timescale: int) -> Callable[[int], int] | None:
    """From stamps of the source to ticks of the file, to the nearest; None where they are the same."""
    factor = time_base * timescale
    numerator, denominator = factor.numerator, factor.denominator
    if factor == 1:
        return None
    return lambda stamp: (2 * stamp * numerator + denominator) // (2 * denominator)


def _in_turns(*columns: list[int]) -> list[int]:
    """The first of each, the second of each, and so on."""
    width = len(columns)
    fields = [0] * (width * len(columns[0]))
    for n, column in enumerate(columns):
        fields[n::width] = column
    return fields


def _big_endian(numbers: array[int]) -> bytes:
    turned = numbers[:]
    if sys.byteorder == "little":
        turned.byteswap()
    return turned.tobytes()


def _counted_table(numbers: array[int]) -> bytes:
    return struct.pack(">I", len(numbers)) + _big_endian(numbers)


def _chunk_table(per_chunk: array[int]) -> bytes:
    """`stsc`: from which chunk on there are how many samples in each."""
    entries = array("I")
    before = 0
    for number, count in enumerate(per_chunk, 1):
        if count != before:
            entries.extend((number, count, 1))
            before = count
    return struct.pack(">I", len(entries) // 3) + _big_endian(entries)


def _offset_box(chunks: array[int]) -> bytes:
    if chunks and chunks[-1] > _MOST:
        return full_box(b"co64", 0, 0, _counted_table(chunks))
    return full_box(b"stco", 0, 0, _counted_table(array("I", chunks)))
