"""`moov`: what an open file begins with, and the index of a closed one."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from recorder.mp4.boxes import box, full_box
from recorder.mp4.description import Description, TrackBoxes
from recorder.mp4.samples import Samples

MOVIE_TIMESCALE = 90_000
"""Ticks a second in which edits count: in 1000, as libavformat has them, sound and picture are up to 1 ms apart."""

_EPOCH = 2_082_844_800  # Unix time 0, counted from 1904
_MOST = (1 << 32) - 1
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def open_header(description: Description, lanes: Sequence[Samples], created: float) -> bytes:
    """The `moov` in front of fragments: tracks, where they begin, and no samples."""
    extends = [full_box(b"trex", 0, 0, struct.pack(">5I", lane.number, 1, 0, 0, 0)) for lane in lanes]
    traks = []
    for boxes, lane in zip(description.tracks, lanes, strict=True):
        nothing = b"".join(full_box(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc", b"stco"))
        tables = boxes.samples + nothing + full_box(b"stsz", 0, 0, bytes(8))
        # What waits tells where a track begins; one that comes later is placed by the stamps of its fragments.
        edits = _edits(_movie_ticks((lane.start or 0) + lane.lead, lane), 0, lane.lead) if lane.waiting else b""
        traks.append(_trak(boxes, lane, created, duration=0, edits=edits, tables=tables))
    return box(b"moov", _mvhd(created, 0, len(lanes)), *traks, box(b"mvex", *extends), description.user_data)


def closed_index(description: Description, lanes: Sequence[Samples], created: float) -> bytes:
    """The `moov` of a whole file; a track of which nothing came is not in it."""
    traks, longest = [], 0
    for boxes, lane in zip(description.tracks, lanes, strict=True):
        if not lane.count:
            continue
        delay = _movie_ticks(lane.begin + lane.lead, lane)
        # Rounded up: players leave out a sample that ends behind the edit.
        shown = -(-lane.shown_ticks * MOVIE_TIMESCALE // lane.timescale)
        longest = max(longest, delay + shown)
        edits = _edits(delay, shown, lane.lead)
        tables = lane.tables(boxes.samples)
        traks.append(_trak(boxes, lane, created, duration=delay + shown, edits=edits, tables=tables))
    return box(b"moov", _mvhd(created, longest, len(lanes)), *traks, description.user_data)


def _trak(boxes: TrackBoxes, lane: Samples, created: float, *, duration: int, edits: bytes, tables: bytes) -> bytes:
    tkhd = _timed(b"tkhd", created, struct.pack(">II", lane.number, 0), duration, boxes.display, flags=3)
    mdhd = _timed(b"mdhd", created, struct.pack(">I", lane.timescale), lane.media_ticks, boxes.language)
    media = box(b"mdia", mdhd, boxes.handler, box(b"minf", boxes.media, box(b"stbl", tables)))
    return box(b"trak", tkhd, edits, media)


def _mvhd(created: float, duration: int, tracks: int) -> bytes:
    rest = struct.pack(">IH10x", 0x10000, 0x100) + _MATRIX + struct.pack(">24xI", tracks + 1)
    return _timed(b"mvhd", created, struct.pack(">I", MOVIE_TIMESCALE), duration, rest)


def _timed(kind: bytes, created: float, middle: bytes, duration: int, rest: bytes, *, flags: int = 0) -> bytes:
    """A header that begins with two dates and has a duration: in 64 bits where 32 are too few."""
    date = max(0, int(created)) + _EPOCH
    version = int(max(date, duration) > _MOST)
    dates, length = (">QQ", ">Q") if version else (">II", ">I")
    return full_box(kind, version, flags, struct.pack(dates, date, date), middle, struct.pack(length, duration), rest)


def _edits(delay: int, shown: int, lead: int) -> bytes:
    """Nothing for `delay`, then what is shown `lead` ticks after the first sample is decoded."""
    version = int(max(delay, shown) > _MOST)
    entry = struct.Struct(">QqI" if version else ">IiI")
    entries = [entry.pack(delay, -1, 0x10000)] if delay else []
    entries.append(entry.pack(shown, lead, 0x10000))
    return box(b"edts", full_box(b"elst", version, 0, struct.pack(">I", len(entries)), *entries))


def _movie_ticks(ticks: int, lane: Samples) -> int:
    return (2 * ticks * MOVIE_TIMESCALE + lane.timescale) // (2 * lane.timescale)
