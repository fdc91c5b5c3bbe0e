"""A sample classroom as an MP4: every frame carries its number, for eyes and for machines, and every second its tone.

Made with PyAV alone.  The number stands in a strip at the top as 32 black or white blocks (24 bits of number, 8 bits of
CRC), which survive lossy coding and scaling, and in the middle in digits.  64 seconds hold a whole number of video
frames, key-frame groups and AAC frames, so that the file loops without a seam.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal
from uuid import uuid4

import av
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.container import OutputContainer
from av.video.plane import VideoPlane
from av.video.stream import VideoStream

SAMPLE_RATE = 48_000
AAC_FRAME = 1024
LOOP_SEC = 64

_NUMBER_BITS = 24
_CRC_BITS = 8
_STRIP_BITS = _NUMBER_BITS + _CRC_BITS
_STRIP_SHARE = 16  # the strip is a sixteenth of the picture's height
_BLACK, _DARK, _LIGHT, _WHITE = 16, 40, 210, 235
_MIN_CONTRAST = 30  # how far from middle grey a block must be to be believed

# Seven rows of five dots, most significant bit to the left.
_FONT = {
    "0": (0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E),
    "1": (0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E),
    "2": (0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F),
    "3": (0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E),
    "4": (0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02),
    "5": (0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E),
    "6": (0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E),
    "7": (0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08),
    "8": (0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E),
    "9": (0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C),
    ":": (0x00, 0x0C, 0x0C, 0x00, 0x0C, 0x0C, 0x00),
    ".": (0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C),
    " ": (0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00),
}

VideoCodec = Literal["h264", "hevc", "mjpeg"]
_ENCODERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264": ("libx264", "yuv420p", {"preset": "veryfast", "crf": "26", "sc_threshold": "0", "x264-params": "log=-1"}),
    "hevc": ("libx265", "yuv420p", {"preset": "ultrafast", "crf": "28", "x265-params": "log-level=none:scenecut=0"}),
    "mjpeg": ("mjpeg", "yuvj420p", {"qmin": "3", "qmax": "5"}),
}


def make_sample(
    path: str | Path,
    *,
    seconds: int = LOOP_SEC,
    fps: int = 25,
    gop_sec: float = 2,
    width: int = 640,
    height: int = 360,
    audio: bool = True,
    video: bool = True,
    codec: VideoCodec = "h264",
    b_frames: int = 0,
) -> Path:
    """Write the sample; the file appears under `path` only when it is whole.

    `gop_sec` is the distance of key frames, exact because scene cuts make none.  A camera sends no B-frames, hence the
    default.  The audio track has as many whole AAC frames as fit `seconds` best; with a multiple of 8 seconds the
    tracks are equally long.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        with av.open(str(part), "w", format="mp4", container_options={"movflags": "faststart"}) as container:
            pictures = tones = None
            if video:
                gop = round(gop_sec * fps)
                pictures = _add_video(
                    container, codec=codec, fps=fps, gop=gop, width=width, height=height, b_frames=b_frames
                )
            if audio:
                tones = _add_audio(container)
            for second in range(seconds):
                if pictures is not None:
                    _encode_video(container, pictures, range(second * fps, (second + 1) * fps), fps)
                if tones is not None:
                    _encode_audio(container, tones, second, seconds)
            _flush(container, pictures, tones, seconds)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def draw_frame(number: int, fps: int, width: int, height: int, pix_fmt: str = "yuv420p") -> av.VideoFrame:
    """The picture with this number, stamped; `pix_fmt` is planar 4:2:0."""
    frame = av.VideoFrame(width, height, pix_fmt)
    for plane, pixels in zip(frame.planes, _draw(number, fps, width, height), strict=True):
        _fill(plane, pixels)
    frame.pts, frame.time_base = number, Fraction(1, fps)
    return frame


def read_frame_number(frame: av.VideoFrame) -> int | None:
    """The number that the strip of a decoded sample frame shows, at any size; None where no strip can be read."""
    luma = frame if frame.format.name in ("yuv420p", "yuvj420p") else frame.reformat(format="yuv420p")
    plane = luma.planes[0]
    row = bytes(memoryview(plane)[_strip_height(frame.height) // 2 * plane.line_size :][: frame.width])
    block = frame.width / _STRIP_BITS
    word = 0
    for bit in range(_STRIP_BITS):
        middle = row[int((bit + 0.3) * block) : int((bit + 0.7) * block) + 1]
        level = sum(middle) / len(middle) - 128
        if abs(level) < _MIN_CONTRAST:
            return None
        word = word << 1 | (level > 0)
    number, crc = word >> _CRC_BITS, word & 0xFF
    return number if _crc8(number) == crc else None


def _add_video(
    container: OutputContainer, *, codec: str, fps: int, gop: int, width: int, height: int, b_frames: int
) -> VideoStream:
    encoder, pix_fmt, options = _ENCODERS[codec]
    stream = container.add_stream(encoder, rate=fps, options=dict(options))
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    context.time_base = Fraction(1, fps)
    context.gop_size = gop
    context.max_b_frames = b_frames
    context.thread_count, context.thread_type = 2, ThreadType.FRAME  # slices are not what cameras send
    if codec == "h264":
        context.options.update({"keyint_min": str(gop), "profile": "high"})
    elif codec == "hevc":
        context.options["x265-params"] += f":keyint={gop}:min-keyint={gop}:bframes={b_frames}:open-gop=0"
        context.codec_tag = "hvc1"
    return stream


def _encode_video(container: OutputContainer, stream: VideoStream, numbers: range, fps: int) -> None:
    context = stream.codec_context
    for number in numbers:
        frame = draw_frame(number, fps, context.width, context.height, context.pix_fmt or "yuv420p")
        container.mux(stream.encode(frame))


def _draw(number: int, fps: int, width: int, height: int) -> tuple[bytes | bytearray, bytes, bytes]:
    luma = bytearray(_background(width, height))
    strip = _strip_height(height)
    luma[: strip * width] = _strip_row(number, width) * strip
    _draw_ball(luma, number, fps, width, height)
    second, frame_in_second = divmod(number, fps)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{frame_in_second:02}"
    _draw_text(luma, width, height * 5 // 16, f"{number:06}", max(1, height // 40))
    _draw_text(luma, width, height * 10 // 16, clock, max(1, height // 70))
    chroma = (width // 2) * (height // 2)
    hue = second * 13 % 96
    return luma, bytes([96 + hue // 2]) * chroma, bytes([160 - hue // 2]) * chroma


def _draw_ball(luma: bytearray, number: int, fps: int, width: int, height: int) -> None:
    """Something that moves in every frame: a square that crosses the lower edge once in four seconds."""
    side = max(8, height // 12)
    left = (width - side) * (number % (4 * fps)) // (4 * fps)
    top = height - side - height // 24
    for y in range(top, top + side):
        luma[y * width + left : y * width + left + side] = bytes([_WHITE]) * side


def _draw_text(luma: bytearray, width: int, top: int, text: str, scale: int) -> None:
    left = (width - 6 * scale * len(text)) // 2
    for dot_row in range(7):
        row = b"".join(_glyph_row(char, dot_row, scale) for char in text)
        for y in range(top + dot_row * scale, top + (dot_row + 1) * scale):
            luma[y * width + left : y * width + left + len(row)] = row


@cache
def _glyph_row(char: str, dot_row: int, scale: int) -> bytes:
    dots = _FONT[char][dot_row] << 1  # one empty column between characters
    return b"".join(bytes([_WHITE if dots >> bit & 1 else _DARK]) * scale for bit in range(5, -1, -1))


@cache
def _background(width: int, height: int) -> bytes:
    ramp = bytes(_DARK + 100 * x // width for x in range(width))
    lines = bytes([_LIGHT]) * width
    return b"".join(lines if y % max(8, height // 9) == 0 else ramp for y in range(height))


@cache
def _blocks(width: int) -> tuple[tuple[bytes, bytes], ...]:
    edges = [width * bit // _STRIP_BITS for bit in range(_STRIP_BITS + 1)]
    return tuple(
        (bytes([_BLACK]) * (right - left), bytes([_WHITE]) * (right - left)) for left, right in pairwise(edges)
    )


def _strip_row(number: int, width: int) -> bytes:
    word = number << _CRC_BITS | _crc8(number)
    return b"".join(block[word >> (_STRIP_BITS - 1 - bit) & 1] for bit, block in enumerate(_blocks(width)))


def _strip_height(height: int) -> int:
    return max(2, height // _STRIP_SHARE)


def _crc8(number: int) -> int:
    crc = 0xFF  # not 0: neither an all-black nor an all-white strip is a valid number
    for byte in number.to_bytes(_NUMBER_BITS // 8, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def _fill(plane: VideoPlane, pixels: bytes | bytearray) -> None:
    stride, width = plane.line_size, plane.width
    if stride != width:
        padding = bytes(stride - width)
        rows = (pixels[start : start + width] for start in range(0, len(pixels), width))
        pixels = b"".join(bytes(row) + padding for row in rows)
    plane.update(bytes(pixels).ljust(plane.buffer_size, b"\0"))


def _add_audio(container: OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=SAMPLE_RATE)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = "mono"
    stream.codec_context.bit_rate = 64_000
    return stream


def _encode_audio(container: OutputContainer, stream: AudioStream, second: int, seconds: int) -> None:
    first = -(-second * SAMPLE_RATE // AAC_FRAME)
    last = -(-(second + 1) * SAMPLE_RATE // AAC_FRAME)
    for index in range(first, last):
        frame = av.AudioFrame("fltp", "mono", AAC_FRAME)
        frame.planes[0].update(_tone(index * AAC_FRAME))
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, index * AAC_FRAME, Fraction(1, SAMPLE_RATE)
        _mux_audio(container, stream, frame, seconds)


def _mux_audio(container: OutputContainer, stream: AudioStream, frame: av.AudioFrame | None, seconds: int) -> None:
    """Mux what the encoder gives, priming frame included, up to the frame nearest to the end of the sample."""
    frames = round(seconds * SAMPLE_RATE / AAC_FRAME)
    for packet in stream.encode(frame):
        if packet.pts is not None and packet.pts // AAC_FRAME + 1 < frames:
            container.mux(packet)


def _tone(start: int) -> bytes:
    """One AAC frame of the tone that belongs to each sample's second, from sample number `start` on."""
    samples = b""
    for second, offset, length in _spans(start, AAC_FRAME):
        samples += _second_of_tone(second % 12)[offset * 4 : (offset + length) * 4]
    return samples


def _spans(start: int, length: int) -> Iterator[tuple[int, int, int]]:
    while length:
        second, offset = divmod(start, SAMPLE_RATE)
        span = min(length, SAMPLE_RATE - offset)
        yield second, offset, span
        start, length = start + span, length - span


@cache
def _second_of_tone(step: int) -> bytes:
    """A second of a sine of whole hertz (so that it starts and ends at zero): the chromatic scale from 330 Hz up."""
    angle = 2 * math.pi * round(330 * 2 ** (step / 12)) / SAMPLE_RATE
    return array("f", (0.2 * math.sin(angle * n) for n in range(SAMPLE_RATE))).tobytes()


def _flush(container: OutputContainer, pictures: VideoStream | None, tones: AudioStream | None, seconds: int) -> None:
    if pictures is not None:
        container.mux(pictures.encode(None))
    if tones is not None:
        _mux_audio(container, tones, None, seconds)


if __name__ == "__main__":
    make_sample(sys.argv[1])
