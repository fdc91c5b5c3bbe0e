"""Classrooms on film: lit, at night, with a covered lens, frozen; with a room's sound, muted, without any.

What a sensor and a microphone add is added: noise in every picture, hiss in every silence.  A clock runs in the corner,
as cameras write it, also over a picture that stands still.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal

import av
from av.audio.stream import AudioStream
from av.filter import Graph

Sight = Literal["lit", "night", "cap", "still"]
Sound = Literal["room", "muted", "none"]

FPS = 10
GOP = 4
WIDTH, HEIGHT = 320, 180
_RATE, _AAC_FRAME = 48_000, 1024
_NOISE = {"lit": 5, "night": 5, "cap": 3}
"""Strength of libavfilter's noise; 2 is one step of 255."""
_ROOM_LEVEL = 0.0022  # RMS, -53 dBFS: an empty classroom with its fan


@dataclass(frozen=True, slots=True)
class Phase:
    """So many seconds of this."""

    seconds: float
    sight: Sight = "lit"
    sound: Sound = "room"


def film(path: Path, phases: Sequence[Phase], *, audio: bool = True) -> Path:
    """An MP4 of these phases, one after the other."""
    with av.open(str(path), "w", format="mp4") as container:
        options = {"preset": "veryfast", "qp": "26", "x264-params": "log=-1:scenecut=0"}
        picture: Any = container.add_stream("libx264", rate=FPS, options=options)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.codec_context.gop_size, picture.codec_context.max_b_frames = GOP, 0
        picture.codec_context.thread_count = 1
        tone: Any = container.add_stream("aac", rate=_RATE, layout="mono") if audio else None
        for frame in _pictures(phases):
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if tone is not None:
            for packet in _sounds(tone, phases):
                container.mux(packet)
    return path


def _pictures(phases: Sequence[Phase]) -> Iterator[av.VideoFrame]:
    sensors = {sight: _Sensor(strength) for sight, strength in _NOISE.items()}
    number, last = 0, b""
    for phase in phases:
        for _ in range(round(phase.seconds * FPS)):
            if phase.sight != "still":
                last = sensors[phase.sight].see(_scene(phase.sight))
            frame = _frame(_with_clock(last, number))
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            yield frame
            number += 1


def _sounds(stream: AudioStream, phases: Sequence[Phase]) -> Iterator[Any]:
    dice = random.Random(5)
    noise = array("f", (dice.gauss(0.0, _ROOM_LEVEL) for _ in range(_AAC_FRAME * 7)))
    position = 0
    for end, phase in _ends(phases):
        while position < end * _RATE:
            samples = noise[position % len(noise) :][:_AAC_FRAME] if phase.sound == "room" else array("f", [0.0] * 1024)
            if phase.sound != "none":
                frame = av.AudioFrame("fltp", "mono", _AAC_FRAME)
                frame.planes[0].update(samples.tobytes())
                frame.rate, frame.pts, frame.time_base = _RATE, position, Fraction(1, _RATE)
                yield from stream.encode(frame)
            position += _AAC_FRAME
    yield from stream.encode(None)


def _ends(phases: Sequence[Phase]) -> Iterator[tuple[float, Phase]]:
    end = 0.0
    for phase in phases:
        end += phase.seconds
        yield end, phase


class _Sensor:
    """Adds noise to a picture, another one each time."""

    def __init__(self, strength: int) -> None:
        self._graph = Graph()
        self._in = self._graph.add_buffer(
            width=WIDTH, height=HEIGHT, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, FPS)
        )
        noise = self._graph.add("noise", f"c0_seed=1:c0s={strength}:c0f=t")
        self._out = self._graph.add("buffersink")
        self._in.link_to(noise)
        noise.link_to(self._out)
        self._graph.configure()

    def see(self, luma: bytes) -> bytes:
        self._in.push(_frame(luma))
        frame = self._out.pull()
        assert isinstance(frame, av.VideoFrame)
        plane = frame.planes[0]
        rows = bytes(plane)
        return b"".join(rows[y * plane.line_size :][:WIDTH] for y in range(HEIGHT))


@cache
def _scene(sight: Sight) -> bytes:
    """A board with writing, a wall that the light falls on, rows of desks."""
    dice = random.Random(3)
    rows = [bytearray(110 + 50 * x // WIDTH + 20 * y // HEIGHT for x in range(WIDTH)) for y in range(HEIGHT)]

    def box(left: int, top: int, width: int, height: int, luma: int) -> None:
        for row in rows[top : top + height]:
            row[left : left + width] = bytes([luma]) * len(row[left : left + width])

    box(60, 20, 200, 70, 45)
    for line in range(5):
        for at in range(70, 240, 6):
            box(at, 28 + 12 * line, dice.randrange(1, 6), dice.randrange(1, 5), 190)
    for row in range(3):
        for desk in range(4):
            box(20 + 75 * desk, 105 + 26 * row, 55, 12, 70 + 15 * row + 5 * desk)
    scene = b"".join(rows)
    if sight == "cap":
        return bytes([17]) * len(scene)
    if sight == "night":
        return bytes(16 + (luma - 16) // 5 for luma in scene)
    return scene


def _with_clock(luma: bytes, number: int) -> bytes:
    rows = bytearray(luma)
    tenths = f"{number * 10 // FPS:04d}"
    for place, digit in enumerate(tenths):
        draw_digit(rows, WIDTH, 8 + 10 * place, 6, int(digit))
    return bytes(rows)


def draw_digit(rows: bytearray, width: int, left: int, top: int, digit: int, size: int = 2) -> None:
    """A digit of seven strokes, 3 x 5 dots of `size` pixels, white."""
    for y, line in enumerate(_STROKES[digit]):
        for x in range(3):
            if int(line) >> (2 - x) & 1:
                for dot in range(size):
                    begin = (top + y * size + dot) * width + left + x * size
                    rows[begin : begin + size] = bytes([235]) * size


_STROKES = ("75557", "22222", "71747", "71717", "55711", "74717", "74757", "71111", "75757", "75717")


def _frame(luma: bytes) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    plane = frame.planes[0]
    if plane.line_size == WIDTH:
        plane.update(luma)
    else:
        padding = bytes(plane.line_size - WIDTH)
        plane.update(b"".join(luma[y * WIDTH :][:WIDTH] + padding for y in range(HEIGHT)))
    for chroma in frame.planes[1:]:
        chroma.update(bytes([128]) * chroma.buffer_size)
    return frame
