"""What a camera shows and sounds: numbered frames and a rising tone, coded once, every packet unlike any other.

Stamps count in the clock of the track (90 kHz for pictures, the sample rate for sound), from the film's beginning.
"""

from __future__ import annotations

import io
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from typing import Any, Literal, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.video.stream import VideoStream

from recorder import parameter_sets
from recorder.packets import TrackKind
from recorder.sample import draw_frame
from recorder.source.templates import with_parameter_sets
from tests.media import coded_digest, obus

VideoName = Literal["h264", "hevc", "mjpeg", "av1"]
AudioName = Literal["aac", "pcm_alaw", "pcm_mulaw", "g726", "opus", "mp2", "pcm_s16be"]

VIDEO_CLOCK = 90_000
_SEQUENCE_HEADER = 1  # an OBU type
_TONE_HZ = 300.0
_TONE_RISE_HZ = 20.0  # a second: no two packets sound alike


@dataclass(frozen=True, slots=True)
class Unit:
    """One access unit (Annex B, without parameter sets; a JPEG; a temporal unit) or one packet of sound.

    `sets` are the parameter sets of a key frame as NAL units.
    """

    kind: TrackKind
    data: bytes
    pts: int
    dts: int
    is_key: bool
    digest: str
    sets: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class FilmTrack:
    """One track: `sets` holds the parameter sets as NAL units (H.264, H.265) or the AudioSpecificConfig (AAC).

    `template` is the stream whose parameters a muxer copies.
    """

    kind: TrackKind
    codec: str
    clock: int
    units: tuple[Unit, ...]
    sets: tuple[bytes, ...] = ()
    width: int = 0
    height: int = 0
    channels: int = 1
    template: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Film:
    """Played in a circle by a camera, stamps going on; every track is `seconds` long."""

    seconds: float
    tracks: tuple[FilmTrack, ...]

    def track(self, kind: TrackKind) -> FilmTrack | None:
        """The track of this kind, if there is one."""
        return next((track for track in self.tracks if track.kind == kind), None)


@dataclass(frozen=True)
class FilmSpec:
    """What to code. `video` or `audio` "" leaves that track out; `first` is the number of the first frame.

    `gop` counts frames; `b_frames` between anchors; `open_gop` lets them lean on the key frame behind them.
    """

    seconds: float = 12.0
    video: VideoName | Literal[""] = "h264"
    audio: AudioName | Literal[""] = "aac"
    width: int = 160
    height: int = 96
    fps: int = 25
    gop: int = 10
    b_frames: int = 0
    open_gop: bool = False
    first: int = 0
    options: tuple[tuple[str, str], ...] = field(default=())


@cache
def make_film(spec: FilmSpec) -> Film:
    """The film of a spec, coded once a process."""
    tracks = []
    if spec.video:
        tracks.append(_video(spec))
    if spec.audio:
        tracks.append(_audio(spec))
    return Film(spec.seconds, tuple(tracks))


def splice(first: Film, second: Film) -> Film:
    """One film after the other: in the middle of it the parameter sets change, as when somebody sets up a camera."""
    tracks = []
    for one, other in zip(first.tracks, second.tracks, strict=True):
        later = round(first.seconds * one.clock)
        moved = (replace(unit, pts=unit.pts + later, dts=unit.dts + later) for unit in other.units)
        tracks.append(replace(one, units=(*one.units, *moved)))
    return Film(first.seconds + second.seconds, tuple(tracks))


def _video(spec: FilmSpec) -> FilmTrack:
    name, pix_fmt, options = _VIDEO_ENCODERS[spec.video]
    sink = av.open(io.BytesIO(), "w", format="null")
    stream = sink.add_stream(name, rate=spec.fps)
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = spec.width, spec.height, pix_fmt
    context.time_base, context.framerate = Fraction(1, spec.fps), Fraction(spec.fps)
    context.gop_size, context.max_b_frames = spec.gop, spec.b_frames
    context.thread_count = 1
    context.options = {**options, **_group_options(spec), **dict(spec.options)}
    sink.start_encoding()
    packets = []
    for number in range(round(spec.seconds * spec.fps)):
        frame = draw_frame(spec.first + number, spec.fps, spec.width, spec.height, pix_fmt)
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    tick = VIDEO_CLOCK // spec.fps
    # x264 begins before zero with B-frames; a camera's counter goes up from where it stands.
    shift = -min(packet.dts or 0 for packet in packets)
    sets, units = _without_sets(spec.video, [bytes(packet) for packet in packets])
    return FilmTrack(
        "video",
        spec.video,
        VIDEO_CLOCK,
        tuple(
            Unit(
                "video",
                data,
                ((packet.pts or 0) + shift) * tick,
                ((packet.dts or 0) + shift) * tick,
                packet.is_keyframe,
                coded_digest(spec.video, b"", data),
                sets if packet.is_keyframe else (),
            )
            for packet, data in zip(packets, units, strict=True)
        ),
        sets,
        spec.width,
        spec.height,
        template=_with_sets(stream, spec, sets, units[0]),
    )


def _with_sets(stream: VideoStream, spec: FilmSpec, sets: tuple[bytes, ...], first: bytes) -> VideoStream:
    """What a muxer has to know: the encoder's stream, and the parameter sets that it keeps in band."""
    extradata = b"".join(b"\x00\x00\x00\x01" + unit for unit in sets)
    if spec.video == "av1":
        extradata = next(
            bytes([kind << 3 | 2, len(payload)]) + payload for kind, payload in obus(first) if kind == _SEQUENCE_HEADER
        )
    return with_parameter_sets(stream, extradata, spec.width, spec.height) if extradata else stream


_VIDEO_ENCODERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264": ("libx264", "yuv420p", {"preset": "veryfast", "crf": "28", "sc_threshold": "0", "x264-params": "log=-1"}),
    "hevc": ("libx265", "yuv420p", {"preset": "ultrafast", "crf": "30"}),
    # RFC 2435 knows no Huffman tables but those of the standard.
    "mjpeg": ("mjpeg", "yuvj420p", {"qmin": "4", "qmax": "4", "huffman": "default"}),
    "av1": ("libsvtav1", "yuv420p", {"preset": "12", "crf": "50", "svtav1-params": "pred-struct=1:lp=1"}),
}


def _group_options(spec: FilmSpec) -> dict[str, str]:
    if spec.video == "h264":
        flags = {} if spec.open_gop else {"flags": "+cgop"}
        return {"keyint_min": str(spec.gop), "x264-params": f"log=-1:open-gop={int(spec.open_gop)}", **flags}
    if spec.video == "hevc":
        group = f"keyint={spec.gop}:min-keyint={spec.gop}:bframes={spec.b_frames}:open-gop={int(spec.open_gop)}"
        return {"x265-params": f"log-level=none:scenecut=0:pools=none:frame-threads=1:{group}"}
    return {}


def _without_sets(codec: str, access_units: list[bytes]) -> tuple[tuple[bytes, ...], list[bytes]]:
    """Parameter sets of H.264 and H.265 apart: whether they stand in the SDP or in band is the camera's affair."""
    if codec not in ("h264", "hevc"):
        return (), access_units
    name = cast(parameter_sets.SetCodec, codec)
    kinds = (7, 8) if codec == "h264" else (32, 33, 34)
    sets: dict[bytes, None] = {}
    bare = []
    for data in access_units:
        kept = b""
        for unit in parameter_sets.nal_units(data, 0):
            if parameter_sets.nal_type(name, unit) in kinds:
                sets[unit] = None
            else:
                kept += b"\x00\x00\x00\x01" + unit
        bare.append(kept)
    return tuple(sets), bare


def _audio(spec: FilmSpec) -> FilmTrack:
    encoder, rate, layout, frame, options = _AUDIO_ENCODERS[spec.audio]
    sink = av.open(io.BytesIO(), "w", format="null")
    stream: Any = sink.add_stream(encoder, rate=rate)
    context = cast(AudioCodecContext, stream.codec_context)
    context.sample_rate, context.layout = rate, layout
    context.format = context.codec.audio_formats[0].name if context.codec.audio_formats else "s16"
    context.time_base = Fraction(1, rate)
    context.options = {**options}
    if spec.audio == "aac":
        context.flags |= 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER: the config apart, as RTP wants it
    sink.start_encoding()
    size = context.frame_size or frame
    coded: list[bytes] = []
    for samples in _pieces(round(spec.seconds * rate), size, rate):
        coded += [bytes(packet) for packet in context.encode(_sound(samples, rate, layout, context.format.name))]
    if context.frame_size:
        coded += [bytes(packet) for packet in context.encode(None)]
    config = (bytes(context.extradata or b""),) if spec.audio == "aac" else ()
    clock = 48_000 if spec.audio == "opus" else 90_000 if spec.audio == "mp2" else rate
    count = int(spec.seconds * rate // size)
    return FilmTrack(
        "audio",
        spec.audio,
        clock,
        tuple(
            Unit(
                "audio",
                data,
                index * size * clock // rate,
                index * size * clock // rate,
                True,
                coded_digest(spec.audio, b"", data),
            )
            for index, data in enumerate(coded[:count])
        ),
        config,
        channels=2 if layout == "stereo" else 1,
        template=stream,
    )


_AUDIO_ENCODERS: dict[str, tuple[str, int, str, int, dict[str, str]]] = {
    "aac": ("aac", 16_000, "mono", 1024, {"b": "48000"}),
    "pcm_alaw": ("pcm_alaw", 8_000, "mono", 320, {}),
    "pcm_mulaw": ("pcm_mulaw", 8_000, "mono", 320, {}),
    "g726": ("g726le", 8_000, "mono", 320, {"b": "32000"}),
    "opus": ("libopus", 48_000, "mono", 960, {"b": "32000"}),
    "mp2": ("mp2", 48_000, "mono", 1152, {"b": "96000"}),
    "pcm_s16be": ("pcm_s16be", 16_000, "mono", 320, {}),
}


def _pieces(samples: int, size: int, rate: int) -> Iterator[array[float]]:
    """A tone that rises a little all the time, cut into frames."""
    for start in range(0, samples - size + 1, size):
        moments = (n / rate for n in range(start, start + size))
        yield array("f", (0.3 * math.sin(2 * math.pi * (_TONE_HZ + _TONE_RISE_HZ * t / 2) * t) for t in moments))


def _sound(samples: array[float], rate: int, layout: str, sample_format: str) -> av.AudioFrame:
    frame: Any = av.AudioFrame("fltp" if sample_format == "fltp" else "s16", layout, len(samples))
    if sample_format == "fltp":
        raw = samples.tobytes()
    else:
        raw = array("h", (round(32767 * one) for one in samples)).tobytes()
    frame.planes[0].update(raw.ljust(frame.planes[0].buffer_size, b"\0"))
    frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
    return cast(av.AudioFrame, frame)
