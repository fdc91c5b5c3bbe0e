"""From what SDP and stream say to our tracks: parameter sets out of `sprop-*`, `avcC` and `hvcC` (ISO/IEC 14496-15),
PyAV templates that no demuxer has seen.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from fractions import Fraction

from recorder.packets import Track
from recorder.parameter_sets import SetCodec, Sets, nal_type
from recorder.source.rtsp.aac import AudioConfig
from recorder.source.rtsp.sdp import Media
from recorder.source.rtsp.sequence_sets import BadSet, Sequence, h264_sequence, h265_sequence, profile_tier_level
from recorder.source.templates import audio_template, bare_video, with_parameter_sets

_SPS: dict[SetCodec, int] = {"h264": 7, "hevc": 33}
_NEEDED: dict[SetCodec, tuple[int, ...]] = {"h264": (7, 8), "hevc": (32, 33, 34)}
_CHROMA_PROFILES = frozenset((100, 110, 122, 144, 244))


def announced_sets(codec: SetCodec, media: Media) -> Sets:
    """The parameter sets that SDP gives (RFC 6184, 8.1; RFC 7798, 7.1); what is no parameter set is passed over."""
    names = ("sprop-parameter-sets",) if codec == "h264" else ("sprop-vps", "sprop-sps", "sprop-pps")
    sets: Sets = {}
    for name in names:
        for text in media.fmtp.get(name, "").split(","):
            try:
                unit = base64.b64decode(text + "=" * (-len(text) % 4))
            except (ValueError, binascii.Error):
                continue
            unit = unit.removeprefix(b"\x00\x00\x00\x01").rstrip(b"\x00")  # some put a start code in front
            if len(unit) > 3 and (kind := nal_type(codec, unit)) in _NEEDED[codec]:
                sets[kind] = (*sets.get(kind, ()), unit)
    return sets


def complete(codec: SetCodec, sets: Sets) -> bool:
    """Whether a picture can be decoded with these."""
    return all(sets.get(kind) for kind in _NEEDED[codec])


def sequence_of(codec: SetCodec, sets: Sets) -> Sequence:
    """What the (first) SPS says. Raises `BadSet`."""
    unit = sets[_SPS[codec]][0]
    return h264_sequence(unit) if codec == "h264" else h265_sequence(unit)


def extradata_of(codec: SetCodec, sets: Sets) -> bytes:
    """`avcC` or `hvcC`, NAL units behind four bytes of length. Raises `BadSet`."""
    return _avcc(sets) if codec == "h264" else _hvcc(sets)


def video_track(index: int, codec: SetCodec, sets: Sets, clock: int) -> tuple[Track, Sequence]:
    """A track whose packets have lengths, not start codes. Raises `BadSet`."""
    sequence = sequence_of(codec, sets)
    extradata = extradata_of(codec, sets)
    template = with_parameter_sets(bare_video(codec), extradata, sequence.width, sequence.height)
    track = Track(index, "video", codec, Fraction(1, clock), extradata, sequence.width, sequence.height)
    return replace(track, template=template), sequence


def picture_track(index: int, codec: str, clock: int, width: int, height: int) -> Track:
    """A track without parameter sets."""
    template = with_parameter_sets(bare_video(codec), b"", width, height)
    return Track(index, "video", codec, Fraction(1, clock), b"", width, height, template=template)


def aac_track(index: int, config: AudioConfig, clock: int) -> Track:
    """AAC is copied: its template tells the muxer all."""
    template = audio_template("aac", config.data, config.rate, config.channels)
    track = Track(index, "audio", "aac", Fraction(1, clock), config.data, 0, 0, config.rate, config.channels)
    return replace(track, template=template)


def sound_track(index: int, codec: str, clock: int, rate: int, channels: int, *, bits: int = 0) -> Track:
    """A sound that will be transcoded: nobody needs a template of it, but where only the rate says how it is coded."""
    track = Track(index, "audio", codec, Fraction(1, clock), b"", 0, 0, rate, channels)
    if "g726" not in codec:
        return track
    template = audio_template(codec, b"", rate, channels)
    template.codec_context.bit_rate = bits * rate
    return replace(track, template=template)


def _avcc(sets: Sets) -> bytes:
    """5.3.3.1.2."""
    first = sets[7][0]
    if len(first) < 4 or len(sets[7]) > 31 or len(sets[8]) > 255:
        raise BadSet("parameter sets that no file can hold")
    out = bytearray((1, first[1], first[2], first[3], 0xFF, 0xE0 | len(sets[7])))
    _add_units(out, sets[7])
    out.append(len(sets[8]))
    _add_units(out, sets[8])
    if first[1] in _CHROMA_PROFILES:
        sequence = h264_sequence(first)
        out += bytes((0xFC | sequence.chroma, 0xF8 | sequence.luma_bits - 8, 0xF8 | sequence.chroma_bits - 8, 0))
    return bytes(out)


def _hvcc(sets: Sets) -> bytes:
    """8.3.3.1.2."""
    first = sets[33][0]
    sequence = h265_sequence(first)
    out = bytearray((1,)) + profile_tier_level(first)
    out += b"\xf0\x00\xfc"  # segmentation and parallelism: not told
    out += bytes((0xFC | sequence.chroma, 0xF8 | sequence.luma_bits - 8, 0xF8 | sequence.chroma_bits - 8))
    out += b"\x00\x00"  # frame rate: not told
    out.append(sequence.sub_layers << 3 | sequence.nested << 2 | 3)
    out.append(3)
    for kind in (32, 33, 34):
        out.append(0x80 | kind)
        out += len(sets[kind]).to_bytes(2, "big")
        _add_units(out, sets[kind])
    return bytes(out)


def _add_units(out: bytearray, units: tuple[bytes, ...]) -> None:
    for unit in units:
        if len(unit) > 0xFFFF:
            raise BadSet("a parameter set that no file can hold")
        out += len(unit).to_bytes(2, "big") + unit
