"""Stream templates that outlive the connection they came from.

A muxer copies a stream's parameters from a PyAV stream.  That of an input dies with its container: after `close` it
points into freed memory.  So the parameters are copied once into a stream of an output that writes nothing (FFmpeg's
`null` muxer), which lives exactly as long as somebody holds it.
"""

from __future__ import annotations

import io
from typing import TypeVar

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

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


def _null_output() -> OutputContainer:
    return av.open(io.BytesIO(), "w", format="null")
