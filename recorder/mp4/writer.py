"""An MP4 that grows by fragments and becomes an ordinary one when it is closed.

While it is open:

    ftyp  free(16)  moov  { uuid(checksum)  moof  mdat }...

and closed, with the index appended and then, as the last write of all, 16 bytes over the `free`:

    ftyp  mdat( ... everything that stood behind the free ... )  moov

A fragment is the packets themselves, one track behind the other, handed to the kernel without being copied together.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from recorder.mp4 import sums
from recorder.mp4.boxes import box, full_box
from recorder.mp4.description import Description, describe
from recorder.mp4.index import closed_index, open_header
from recorder.mp4.samples import Samples
from recorder.mp4.sums import SUM_BYTES, sum_box
from recorder.packets import Packet, Track
from recorder.synced_file import SyncedFile

_ROOM_BYTES = 16


class Mp4Writer:
    """Packets of `tracks` into `file`; raises what PyAV and `SyncedFile` raise.

    `created` is the Unix time for its headers; `tags` are libavformat's names of metadata.
    """

    def __init__(self, file: SyncedFile, tracks: Sequence[Track], created: float, tags: Mapping[str, str]) -> None:
        self._file = file
        self._tracks = tuple(tracks)
        self._created = created
        self._tags = tags
        self._lanes = {track: Samples(track, number) for number, track in enumerate(tracks, 1)}
        self._described: Description | None = None
        self.fragments = 0

    def add(self, packet: Packet) -> None:
        """The next packet, in the order of decoding within its track; it waits for `flush`."""
        self._lanes[packet.track].waiting.append(packet)

    def number_of_next(self, track: Track) -> int:
        """How many packets of this track were added."""
        lane = self._lanes[track]
        return lane.count + len(lane.waiting)

    def place_of(self, track: Track, number: int) -> tuple[int, int]:
        """Where a flushed packet lies in the file, by its number from 0, and its size there."""
        return self._lanes[track].place_of(number)

    @property
    def all_began(self) -> bool:
        """Whether it is known where every track begins, or too late to tell."""
        return self._described is not None or all(lane.waiting for lane in self._lanes.values())

    def flush(self) -> None:
        """What waits becomes a fragment; with the first one goes the header."""
        if not any(lane.waiting for lane in self._lanes.values()):
            return
        head = [self._begin()] if self._described is None else []
        offset = self._file.end + sum(map(len, head))
        runs = [(lane, run) for lane in self._lanes.values() if (run := lane.take()) is not None]
        sequence = full_box(b"mfhd", 0, 0, struct.pack(">I", self.fragments + 1))
        header_bytes = 8 + len(sequence) + sum(run.header_bytes for _, run in runs)
        data_bytes = sum(run.size for _, run in runs)
        parts: list[bytes] = []
        trafs: list[bytes] = []
        position = header_bytes + 8
        for lane, run in runs:
            trafs.append(run.header(position))
            lane.placed(offset + SUM_BYTES + position)
            position += run.size
            parts += run.data
        parts.insert(0, box(b"moof", sequence, *trafs) + struct.pack(">I4s", 8 + data_bytes, b"mdat"))
        crc = 0
        for part in parts:
            crc = sums.checksum(part, crc)
        head.append(sum_box(crc, position))
        self._file.append((*head, *parts), (*((len(one), sums.checksum(one)) for one in head), (position, crc)))
        self.fragments += 1

    def close(self) -> None:
        """The index, everything durable, and then the bytes that make it count, durable too."""
        self.flush()
        if self._described is None:
            return
        index = closed_index(self._described, list(self._lanes.values()), self._created)
        size = self._file.end - len(self._described.file_type)
        self._file.append((index,), ((len(index), sums.checksum(index)),))
        self._file.rewrite_head(self._described.file_type + struct.pack(">I4sQ", 1, b"mdat", size))
        self._file.sync()

    def _begin(self) -> bytes:
        """Where the file's own time begins is known now: no packet may lie before it."""
        waiting = [lane for lane in self._lanes.values() if lane.waiting]
        base = min(lane.first_sec() for lane in waiting)
        for lane in self._lanes.values():
            lane.begin_at(base)
        first = {lane.waiting[0].track: lane.waiting[0] for lane in waiting}
        self._described = describe(self._tracks, first, self._tags)
        self._file.begin(self._described.file_type + box(b"free", bytes(_ROOM_BYTES - 8)))
        return open_header(self._described, list(self._lanes.values()), self._created)
