"""A look at the picture and an ear for the sound: decoded now and then, as cheaply as they can be."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from fractions import Fraction
from operator import mul
from statistics import median

import av
from av.audio.codeccontext import AudioCodecContext
from av.video.frame import VideoFrame

from recorder.av_errors import AV_ERRORS
from recorder.packets import Packet
from recorder.pictures.pictures import good_frames
from recorder.pictures.watching import Look

_GRID = (64, 36)
_PIXELS = 16_000
"""About so many pixels are compared: enough to tell 8 from 16 % of a picture, in a third of a millisecond."""
_FULL_RANGE = 2  # libavutil's AVCOL_RANGE_JPEG
_BLACK = 16
_PRIMING_FRAMES = 2  # a fresh AAC decoder fades in
_EVERY_SAMPLE = 4
"""Every fourth sample has the power of all of them."""


def look_at(key_frame: Packet, between: Sequence[Packet]) -> Look | None:
    """A key frame, with the packets of the picture in front of it; None where it cannot be decoded."""
    try:
        frame, _ = next(good_frames(key_frame.track, [key_frame], quick=True), (None, None))
        if frame is None:
            return None
        share = median(len(packet.data) for packet in between) / len(key_frame.data) if between else None
        return Look(_cells(frame), _pixels(frame), share)
    except AV_ERRORS:
        return None


def level_of(packets: Sequence[Packet]) -> float | None:
    """The level of some AAC packets of one track, in dBFS, a constant offset not counted; None where they are damaged,
    or too few.
    """
    if not packets:
        return None
    track = packets[0].track
    decoder = av.CodecContext.create("aac", "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.extradata = track.extradata or None
    frames = []
    try:
        for packet in packets:
            raw = av.Packet(packet.data)
            raw.time_base = Fraction(track.time_base)
            frames += decoder.decode(raw)
    except AV_ERRORS:
        return None
    heard = frames[_PRIMING_FRAMES:]
    return max((_level(bytes(plane), frame.samples) for frame in heard for plane in frame.planes), default=None)


def _level(plane: bytes, samples: int) -> float:
    some = array("f", plane)[:samples:_EVERY_SAMPLE]
    mean = sum(some) / len(some)
    power = sum(map(mul, some, some)) / len(some) - mean * mean
    return 10 * math.log10(power) if power > 1e-20 else -math.inf


def _cells(frame: VideoFrame) -> bytes:
    small = frame.reformat(*_GRID, format="yuv420p", interpolation="AREA")
    full_range = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
    cells = _luma(small, 1)
    return cells if full_range else bytes(max(0, cell - _BLACK) for cell in cells)


def _pixels(frame: VideoFrame) -> bytes:
    if frame.format.name not in ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p"):
        frame = frame.reformat(format="yuv420p")
    return _luma(frame, max(1, math.isqrt(frame.width * frame.height // _PIXELS)))


def _luma(frame: VideoFrame, step: int) -> bytes:
    plane = frame.planes[0]
    rows, line = memoryview(plane), plane.line_size
    return b"".join(bytes(rows[y * line : y * line + frame.width : step]) for y in range(0, frame.height, step))
