"""From PyAV's streams to our tracks: which ones are used, and when new parameter sets make a new one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import cast

import av
from av.audio.stream import AudioStream
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from recorder import parameter_sets
from recorder.packets import Track
from recorder.parameter_sets import SetCodec, Sets
from recorder.source.templates import detached, with_parameter_sets

RECORDABLE_VIDEO = ("h264", "hevc", "mjpeg", "av1")


def choose(streams: Sequence[Stream]) -> tuple[list[VideoStream | AudioStream], tuple[str, ...]]:
    """The best usable video (the largest) and the best usable audio (most channels, then rate), and what was left out.

    Unusable streams never spoil the others; each is named with the reason.
    """
    dropped: list[str] = []
    videos: list[VideoStream] = []
    audios: list[AudioStream] = []
    for stream in streams:
        reason = _unusable(stream)
        if reason:
            dropped.append(reason)
        elif isinstance(stream, VideoStream):
            videos.append(stream)
        else:
            audios.append(cast(AudioStream, stream))
    videos.sort(key=lambda stream: -stream.codec_context.width * stream.codec_context.height)
    audios.sort(key=lambda stream: (-stream.codec_context.channels, -stream.codec_context.sample_rate))
    dropped += [f"{name_of(stream)}: a better track of this kind is recorded" for stream in (*videos[1:], *audios[1:])]
    return [*videos[:1], *audios[:1]], tuple(dropped)


def awaited_picture(streams: Sequence[Stream]) -> VideoStream | None:
    """A picture that is announced and of which no key frame has come yet: smart codecs send one every ten seconds."""
    for stream in streams:
        if isinstance(stream, VideoStream) and not stream.disposition & Disposition.attached_pic:
            context = stream.codec_context
            if context is not None and context.codec.canonical_name in ("h264", "hevc") and not context.width:
                return stream
    return None


def late_track(stream: VideoStream, key_frame: bytes) -> Track | None:
    """The track of an awaited picture, by its first key frame; None where that, too, leaves its size unknown."""
    track = track_of(stream)
    codec = cast(SetCodec, track.codec)
    length_bytes = parameter_sets.length_bytes(codec, track.extradata)
    seen = parameter_sets.sets_in_packet(codec, key_frame, length_bytes)
    sets = parameter_sets.sets_in_extradata(codec, track.extradata) | seen
    units = {0: tuple(parameter_sets.nal_units(key_frame, length_bytes))}
    size = _decoded_size(codec, parameter_sets.annex_b(sets) + parameter_sets.annex_b(units))
    if size is None:
        return None
    extradata = track.extradata if length_bytes else parameter_sets.annex_b(sets)
    template = with_parameter_sets(track.template, extradata, *size)
    return replace(track, extradata=extradata, width=size[0], height=size[1], template=template)


def track_of(stream: VideoStream | AudioStream) -> Track:
    """The track of a chosen stream, with a template that outlives the stream's container."""
    context = stream.codec_context
    track = Track(
        index=stream.index,
        kind="video" if isinstance(stream, VideoStream) else "audio",
        codec=context.codec.canonical_name,
        time_base=stream.time_base or Fraction(1, av.time_base),
        extradata=context.extradata or b"",
        template=detached(stream),
    )
    if isinstance(stream, VideoStream):
        return replace(track, width=stream.codec_context.width, height=stream.codec_context.height)
    return replace(track, sample_rate=stream.codec_context.sample_rate, channels=stream.codec_context.channels)


class ParameterWatch:
    """Follows the parameter sets of one video track and makes a new Track when they change.

    `track` is the present one.  Of codecs without parameter sets it never changes.
    """

    def __init__(self, track: Track) -> None:
        self.track = track
        self._length_bytes = 0
        self._known: Sets = {}
        if track.codec in ("h264", "hevc"):
            self._learn(track.extradata)

    def key_frame(self, data: bytes, new_extradata: bytes = b"") -> Track:
        """The track that this key frame belongs to.

        `new_extradata` is what containers that carry the sets apart (FLV) announce with a packet.
        """
        if self.track.codec not in ("h264", "hevc"):
            return self.track
        codec = self._codec
        if new_extradata and new_extradata != self.track.extradata:
            if parameter_sets.changed(self._known, parameter_sets.sets_in_extradata(codec, new_extradata)):
                self._replace(new_extradata, data)
            return self.track
        if self._length_bytes:
            return self.track  # such containers announce new sets by new extradata
        seen = parameter_sets.sets_in_packet(codec, data, self._length_bytes)
        if parameter_sets.changed(self._known, seen):
            self._replace(parameter_sets.annex_b({**self._known, **seen}), data)
        return self.track

    @property
    def _codec(self) -> SetCodec:
        return cast(SetCodec, self.track.codec)

    def _learn(self, extradata: bytes) -> None:
        self._length_bytes = parameter_sets.length_bytes(self._codec, extradata)
        self._known = parameter_sets.sets_in_extradata(self._codec, extradata)

    def _replace(self, extradata: bytes, key_frame: bytes) -> None:
        old = self.track
        self._learn(extradata)
        units = {0: tuple(parameter_sets.nal_units(key_frame, self._length_bytes))}
        size = _decoded_size(old.codec, parameter_sets.annex_b(self._known) + parameter_sets.annex_b(units))
        width, height = size or (old.width, old.height)
        template = with_parameter_sets(old.template, extradata, width, height)
        self.track = replace(old, extradata=extradata, width=width, height=height, template=template)


def _decoded_size(codec: str, elementary: bytes) -> tuple[int, int] | None:
    """The size of the pictures in a bit of elementary stream, as libav's own probing finds it."""
    try:
        with av.open(io.BytesIO(elementary), "r", format=codec) as container:
            context = container.streams.video[0].codec_context
            return (context.width, context.height) if context.width and context.height else None
    except (av.FFmpegError, IndexError):
        return None


def _unusable(stream: Stream) -> str:
    if not isinstance(stream, VideoStream | AudioStream):
        return f"{name_of(stream)}: neither picture nor sound"
    context = stream.codec_context
    if context is None:
        return f"{name_of(stream)}: unknown codec"
    if isinstance(stream, AudioStream):
        known = stream.codec_context.sample_rate and stream.codec_context.channels
        return "" if known else f"{name_of(stream)}: sends no sound"
    if stream.disposition & Disposition.attached_pic:
        return f"{name_of(stream)}: a cover picture"
    if context.codec.canonical_name not in RECORDABLE_VIDEO:
        return f"{name_of(stream)}: this codec cannot be recorded ({', '.join(RECORDABLE_VIDEO)} can)"
    known = stream.codec_context.width and stream.codec_context.height
    return "" if known else f"{name_of(stream)}: no picture came within the time limit"


def name_of(stream: Stream) -> str:
    """A stream for people."""
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else "?"
    return f"track {stream.index} ({stream.type} {codec})"
