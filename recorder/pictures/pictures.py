"""One picture out of compressed packets: the channel's snapshot and the thumbnail of a slice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast
from uuid import uuid4

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from recorder import disk_calls
from recorder.av_errors import AV_ERRORS
from recorder.errors import FileError
from recorder.packets import Packet, Track
from recorder.synced_file import sync_folder

# The MJPEG encoder's quantiser, 2 best to 31 worst: 3 shows handwriting on a board without ringing.
_QUALITY = 3
_QP_TO_LAMBDA = 118  # libavutil's FF_QP2LAMBDA
_JPEG_END = b"\xff\xd9"
_DECODERS = {"av1": "libdav1d"}
"""Where FFmpeg's own of that name needs a graphics card."""
_LUMA_SAMPLE_STEP = 7  # every 7th pixel tells the mean as well as all of them


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG at the source's size. `luma_mean` is 0 (black) to 255 (white), to tell a dark picture from a good one."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int
    luma_mean: float


def jpeg_of(packets: Sequence[Packet]) -> Picture:
    """The first good picture of these packets, which begin with a key frame and are all of one video track.

    One packet is enough: the decoder is flushed behind the last, and the others are decoded only where the first gives
    nothing.  Pictures that the decoder marks as damaged do not count.  Raises `FileError` when there is no good one.
    """
    if not packets:
        raise FileError("no picture: no packet to decode")
    track = packets[0].track
    try:
        # A decoder that waits for B-frames gives a key frame after three packets more, or at once when it is flushed.
        found = next(good_frames(track, packets[:1]), None) or next(good_frames(track, packets), None)
        if found is None:
            raise FileError(f"no picture: {track.label} gave no whole frame in {len(packets)} packets")
        frame, source = found
        frame = frame.reformat(format="yuvj420p")
        jpeg = source.data if track.codec == "mjpeg" else encode_jpeg(frame)
    except AV_ERRORS as error:
        raise FileError(f"no picture: {track.label} cannot be decoded ({error})") from error
    return Picture(jpeg, frame.width, frame.height, _luma_mean(frame))


def write_picture(path: str | Path, picture: Picture) -> None:
    """Replace the picture at `path`, durable when this returns. On `FileError` the old picture still stands."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        try:
            _write_synced(part, picture.jpeg)
            disk_calls.rename(part, path)
        except OSError:
            with contextlib.suppress(OSError):
                disk_calls.unlink(part)
            raise
    except OSError as error:
        raise FileError(f"{path}: the picture cannot be written ({error.strerror})") from error
    sync_folder(path.parent)


def good_frames(track: Track, packets: Sequence[Packet], *, quick: bool = False) -> Iterator[tuple[VideoFrame, Packet]]:
    """The whole frames, each with the packet at which it came out; `quick` leaves block edges as they are.

    Raises `AV_ERRORS`.
    """
    decoder = av.CodecContext.create(_DECODERS.get(track.codec, track.codec), "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1  # no threads for one picture
    decoder.extradata = track.extradata or None
    if quick:
        decoder.options = {"skip_loop_filter": "all"}
    for packet in packets:
        try:
            frames = decoder.decode(_av_packet(packet))
        except av.error.InvalidDataError:
            continue  # one damaged packet; the next may be whole
        if track.codec == "mjpeg" and not packet.data.rstrip(b"\0").endswith(_JPEG_END):
            continue  # the decoder takes the torn half of a JPEG for a whole picture
        yield from ((frame, packet) for frame in frames if not frame.is_corrupt)
    yield from ((frame, packets[-1]) for frame in decoder.decode(None) if not frame.is_corrupt)


def _av_packet(packet: Packet) -> av.Packet[VideoStream]:
    raw = cast("av.Packet[VideoStream]", av.Packet(packet.data))
    raw.pts, raw.dts, raw.time_base = packet.pts, packet.dts, packet.track.time_base
    raw.is_keyframe = packet.is_key
    return raw


def encode_jpeg(frame: VideoFrame) -> bytes:
    """A JPEG of a frame of yuvj420p, at its size. Raises `AV_ERRORS`."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    encoder.qscale = True
    encoder.global_quality = _QUALITY * _QP_TO_LAMBDA
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    frame.pict_type = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def _luma_mean(frame: VideoFrame) -> float:
    plane = frame.planes[0]  # of yuvj420p
    rows = memoryview(plane)
    total = count = 0
    for y in range(0, frame.height, _LUMA_SAMPLE_STEP):
        start = y * plane.line_size
        row = rows[start : start + frame.width : _LUMA_SAMPLE_STEP]
        total += sum(row)
        count += len(row)
    return total / count


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = disk_calls.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        written = 0
        while written < len(data):
            written += disk_calls.pwrite(descriptor, memoryview(data)[written:], written)
        disk_calls.fdatasync(descriptor)
    finally:
        disk_calls.close(descriptor)
