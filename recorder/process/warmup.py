"""What every recorder does once, done before they are forked.

Tables that codecs fill at their first use, and modules that Python loads late, are then shared by all recorders instead
of made in each: 2.3 MiB a recorder, measured.

Nothing here may leave a thread behind: a process with threads is not to be forked.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - what a socket's first host name loads
import io
from contextlib import suppress

import av
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from recorder.av_errors import AV_ERRORS
from recorder.pictures.pictures import encode_jpeg
from recorder.source.templates import audio_template, bare_video, with_parameter_sets

_SIDE = 64
_AAC_LC_48K_STEREO = bytes.fromhex("1190")


def warm_up() -> None:
    """Touch what recorders will touch. What fails here will fail again where it can be named."""
    with suppress(*AV_ERRORS):
        for name in ("h264", "hevc", "mjpeg", "aac", "pcm_alaw"):
            decoder = av.CodecContext.create(name, "r")
            assert isinstance(decoder, VideoCodecContext | AudioCodecContext)
            decoder.thread_count = 1
            if name == "pcm_alaw":
                assert isinstance(decoder, AudioCodecContext)
                decoder.sample_rate, decoder.layout = 8000, "mono"
            decoder.open()
    with suppress(*AV_ERRORS):
        output = av.open(io.BytesIO(), "w", format="mp4")
        for name in ("h264", "hevc"):
            output.add_stream_from_template(with_parameter_sets(bare_video(name), b"", _SIDE, _SIDE), opaque=True)
        output.add_stream_from_template(audio_template("aac", _AAC_LC_48K_STEREO, 48_000, 2), opaque=True)
    with suppress(*AV_ERRORS):
        encode_jpeg(VideoFrame(_SIDE, _SIDE, "yuv420p").reformat(format="yuvj420p"))
