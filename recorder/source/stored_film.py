"""The packets of a plain MP4 by its index: one read of the file a packet, and nothing of libavformat on the way.

libavformat is asked once: only where it tells the first packets in the same words is the index believed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from heapq import merge
from itertools import islice

from av.container import InputContainer

from recorder.mp4.stored import Stored, stored_tracks
from recorder.packets import Track

Raw = tuple[Track, bytes, int | None, int | None, int, bool]
"""A packet's fields but its arrival."""
Due = tuple[float, Raw]
"""With the media time at which it is to be decoded, in seconds."""
_Row = tuple[int, int, int, int, int, int]

_COMPARED_PACKETS = 64


class StoredFilm:
    """`tracks` and their samples in the open file `descriptor`."""

    def __init__(self, descriptor: int, tracks: Mapping[Track, Stored]) -> None:
        self._descriptor = descriptor
        self._tracks = dict(tracks)
        self._state = _state(descriptor)
        self.period: Fraction = max(stored.ticks * track.time_base for track, stored in tracks.items())
        """The length of its longest track, first stamp to end of last packet, in seconds."""

    @property
    def unchanged(self) -> bool:
        """Whether nobody has written into the file since."""
        return _state(self._descriptor) == self._state

    def turn(self, shift: Fraction) -> Iterator[Due]:
        """All packets in the order of their decode times, moved by so many seconds; `OSError` where one is gone."""
        tracks, descriptor, pread = tuple(self._tracks), self._descriptor, os.pread
        ticks = [round(shift / track.time_base) for track in tracks]
        lanes = [_lane(n, track, self._tracks[track], float(shift)) for n, track in enumerate(tracks)]
        for due, n, (place, size, pts, dts, duration, key) in merge(*lanes):
            data = pread(descriptor, size, place)
            if len(data) != size:
                raise OSError(errno.EIO, "shorter than its index")
            moved = ticks[n]
            yield due, (tracks[n], data, pts + moved, dts + moved, duration, key == 1)


def stored_film(descriptor: int, tracks: Mapping[int, Track], container: InputContainer) -> StoredFilm | None:
    """The film, if it is a plain MP4 of which `container`, just opened, gives these tracks by their numbers."""
    found = stored_tracks(lambda offset, count: os.pread(descriptor, count, offset), os.fstat(descriptor).st_size)
    if found is None or len(found) != len(container.streams):
        return None
    chosen: dict[int, Stored] = {}
    for number, track in tracks.items():
        stored = found[number]
        if stored is None or track.time_base != Fraction(1, stored.timescale):
            return None
        chosen[number] = stored
    seen = dict.fromkeys(chosen, 0)
    streams = [container.streams[number] for number in chosen]
    for packet in islice(container.demux(*streams), _COMPARED_PACKETS):
        if packet.size:
            place = seen[packet.stream_index]
            seen[packet.stream_index] += 1
            theirs = (bytes(packet), packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe)
            if _told(descriptor, chosen[packet.stream_index], place) != theirs:
                return None
    return StoredFilm(descriptor, {tracks[number]: stored for number, stored in chosen.items()})


def _told(descriptor: int, stored: Stored, n: int) -> tuple[bytes, int, int, int, bool] | None:
    if n >= len(stored.sizes):
        return None
    data = os.pread(descriptor, stored.sizes[n], stored.places[n])
    return data, stored.pts[n], stored.dts[n], stored.durations[n], stored.keys[n] == 1


def _lane(lane: int, track: Track, stored: Stored, seconds: float) -> Iterator[tuple[float, int, _Row]]:
    """When each sample of a track is due, the lane, and `(place, size, pts, dts, duration, key)`."""
    tick = float(track.time_base)
    rows = zip(stored.places, stored.sizes, stored.pts, stored.dts, stored.durations, stored.keys, strict=True)
    for row in rows:
        if row[1]:
            yield row[3] * tick + seconds, lane, row


def _state(descriptor: int) -> tuple[int, int]:
    now = os.fstat(descriptor)
    return now.st_size, now.st_mtime_ns
