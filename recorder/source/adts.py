"""AAC as MPEG-TS (and so HLS) carries it: every frame behind an ADTS header (ISO/IEC 13818-7, 6.2) that says what a
container has to know once.  A file wants the frames bare and the header's contents as AudioSpecificConfig.
"""

from __future__ import annotations

from dataclasses import replace

from recorder.packets import Track
from recorder.source.templates import audio_template

_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)  # by channel configuration; 0 is described inside the frame


def may_be_wrapped(track: Track) -> bool:
    """Whether the frames of this track may bear headers: the first of them tells."""
    return track.codec == "aac" and not track.extradata


def bare_track(track: Track, frame: bytes) -> Track | None:
    """The track without headers, by its first frame; None where that has none, or says too little."""
    if not header_bytes(frame):
        return None
    rate_index, channel_index = frame[2] >> 2 & 15, (frame[2] & 1) << 2 | frame[3] >> 6
    if rate_index >= len(_RATES) or not channel_index:
        return None
    # ISO/IEC 14496-3, 1.6.2.1: five bits of object type, four of rate, four of channels.
    config = ((frame[2] >> 6) + 1 << 11 | rate_index << 7 | channel_index << 3).to_bytes(2, "big")
    rate, channels = _RATES[rate_index], _CHANNELS[channel_index]
    template = audio_template("aac", config, rate, channels)
    return replace(track, extradata=config, sample_rate=rate, channels=channels, template=template)


def bare(frame: bytes) -> bytes:
    """The frame without its header."""
    return frame[header_bytes(frame) :]


def header_bytes(frame: bytes) -> int:
    """The length of the header, 0 where there is none."""
    if len(frame) < 9 or frame[0] != 0xFF or frame[1] & 0xF6 != 0xF0:
        return 0
    return 7 if frame[1] & 1 else 9
