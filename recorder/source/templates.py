"""Stream templates that outlive the connection they came from.

A muxer copies a stream's parameters from a PyAV stream.  That of an input dies with its container: after `close` it
points into freed memory.  So the parameters are copied once into a stream of an output that writes nothing (FFmpeg's
`null` muxer), which lives exactly as long as somebody holds it.
"""

from __future__ import annotations

import io
from typing import TypeVar, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")

StreamT = TypeVar("StreamT", bound=VideoStream | AudioStream)


def detached(stream: StreamT) -> StreamT:
    """A stream with the parameters of this one (codec, parameter sets, size, time base), free of its container."""
    return _null_output().add_stream_from_template(stream, opaque=True)


def with_parameter_sets(stream: VideoStream, extradata: bytes, width: int, height: int) -> VideoStream:
    """A detached copy of a video stream with other parameter sets and the picture size they stand for."""
    output = _null_output()
    copy = output.add_stream_from_template(stream, opaque=True)
    copy.codec_context.extradata = extradata
    copy.codec_context.width = width
    copy.codec_context.height = height
    output.start_encoding()  # moves the context's values into the parameters that a muxer reads
    return copy


def bare_video(codec: str) -> VideoStream:
    """A stream of a codec of which nothing is known yet: that of a raw demuxer without a byte to read."""
    container = av.open(io.BytesIO(), "r", format=codec)
    return container.streams.video[0]


def audio_template(codec: str, extradata: bytes, rate: int, channels: int) -> AudioStream:
    """A stream of sound that no container has described; `channels` from 1 to 8."""
    first = _null_output().add_stream(codec, rate=rate)
    output = _null_output()
    copy = output.add_stream_from_template(cast(AudioStream, first), opaque=True)
    copy.codec_context.extradata = extradata
    copy.codec_context.sample_rate = rate
    copy.codec_context.layout = _LAYOUTS[channels - 1]
    output.start_encoding()
    return copy


def _null_output() -> OutputContainer:
    return av.open(io.BytesIO(), "w", format="null")
