"""Sound that becomes AAC: continuous samples, the camera's stamps, and errors that cost only the sound."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from recorder.packets import Packet, Track
from recorder.source.rtsp.descriptions import sound_track
from recorder.source.rtsp.plain_audio import CODECS, PlainAudio
from recorder.stream.audio import SPOILT_PACKETS, AacTranscoder, AudioError, needs_transcoding
from tests.media import write_mp4
from tests.recorder.packets import AUDIO, VIDEO

G711 = Track(1, "audio", "pcm_mulaw", Fraction(1, 8000), sample_rate=8000, channels=1)
PACKET = 160  # samples: 20 ms, as cameras send it


def tone(packets: int, *, first: int = 0, skip: range = range(0)) -> list[Packet]:
    """A tone in mu-law; the stamps of `skip` are missing as a network loses them."""
    out = []
    for n in range(packets):
        if n not in skip:
            data = bytes(_mulaw(0.5 * math.sin(2 * math.pi * 440 * (n * PACKET + k) / 8000)) for k in range(PACKET))
            out.append(Packet(G711, data, first + n * PACKET, first + n * PACKET, PACKET, True, n / 50))
    return out


def _mulaw(value: float) -> int:
    sample = min(int(abs(value) * 32767) + 132, 32767)
    exponent = max(sample.bit_length() - 8, 0)
    return ~((0x80 if value < 0 else 0) | exponent << 4 | sample >> (exponent + 3) & 0x0F) & 0xFF


def test_what_is_copied_and_what_is_not() -> None:
    assert not needs_transcoding(AUDIO)
    assert not needs_transcoding(VIDEO)
    assert needs_transcoding(G711)


def test_g711_becomes_continuous_aac_that_plays(tmp_path: Path) -> None:
    transcoder = AacTranscoder(G711)
    made = [one for packet in tone(150, first=12_345) for one in transcoder.feed(packet)]
    assert transcoder.track.label == "aac 8000 Hz 1 ch"
    assert transcoder.track.extradata
    assert {after.dts - before.dts for before, after in pairwise(made) if after.dts and before.dts} == {1024}
    # The encoder's priming comes first: what the camera called 12345 is heard at 12345.
    assert made[0].pts == 12_345 - 1024
    path = write_mp4(tmp_path / "a.mp4", made)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.codec_context.sample_rate) == ("aac", 8000)
        loud = [abs(value) for frame in container.decode(stream) for value in _samples(frame)]
    assert max(loud[4096:]) == pytest.approx(0.5, abs=0.15)


def _samples(frame: av.AudioFrame) -> tuple[float, ...]:
    plane = bytes(frame.planes[0])
    return struct.unpack(f"<{frame.samples}f", plane[: frame.samples * 4])


def test_the_stamps_rule_again_after_a_loss() -> None:
    transcoder = AacTranscoder(G711)
    made = [one for packet in tone(300, skip=range(100, 150)) for one in transcoder.feed(packet)]
    assert made[-1].pts is not None
    assert made[-1].pts == pytest.approx(300 * PACKET, abs=4 * 1024)
    steps = [(after.pts or 0) - (before.pts or 0) for before, after in pairwise(made)]
    assert sorted(set(steps)) == [1024, 1024 + 50 * PACKET]


def test_a_loss_is_told_with_the_packet_behind_it_and_leaves_a_hole_however_short() -> None:
    transcoder = AacTranscoder(G711)
    made = [
        one
        for packet in tone(300, skip=range(100, 103))
        for one in transcoder.feed(replace(packet, lost=3 if packet.dts == 103 * PACKET else 0))
    ]
    (behind,) = [n for n, packet in enumerate(made) if packet.lost]
    steps = [(after.pts or 0) - (before.pts or 0) for before, after in pairwise(made)]
    assert made[behind].lost == 3
    assert steps[behind - 1] == 1024 + 3 * PACKET
    assert set(steps[: behind - 1] + steps[behind:]) == {1024}


def test_what_cannot_be_decoded_is_an_audio_error() -> None:
    with pytest.raises(AudioError, match="nonsense"):
        AacTranscoder(Track(1, "audio", "nonsense", Fraction(1, 8000), sample_rate=8000, channels=1))
    with pytest.raises(AudioError, match="not an audio codec"):
        AacTranscoder(Track(1, "audio", "h264", Fraction(1, 8000), sample_rate=8000, channels=1))
    broken = AacTranscoder(Track(1, "audio", "opus", Fraction(1, 48_000), sample_rate=48_000, channels=2))
    with pytest.raises(AudioError, match="opus"):
        for _ in range(SPOILT_PACKETS):
            broken.feed(Packet(G711, b"\xff\xff\xff\xff", 0, 0, 0, True, 0.0))


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
@pytest.mark.parametrize("name", ["G726-{}", "AAL2-G726-{}"])
def test_g726_is_heard_as_it_was_said(name: str, bits: int) -> None:
    """How many bits a sample has, and in which order they stand, is said by the RTP name alone."""
    plain = CODECS[name.format(8 * bits)]
    encoder: Any = av.CodecContext.create(plain.name, "w")
    encoder.sample_rate, encoder.layout, encoder.format = 8000, "mono", "s16"
    encoder.bit_rate, encoder.time_base = 8000 * bits, Fraction(1, 8000)
    transcoder = AacTranscoder(sound_track(1, plain.name, 8000, 8000, 1, bits=bits))
    made, said = [], 0
    for n in range(100):
        values = (round(12_000 * math.sin(2 * math.pi * 440 * (n * PACKET + k) / 8000)) for k in range(PACKET))
        frame: Any = av.AudioFrame("s16", "mono", PACKET)
        frame.planes[0].update(struct.pack(f"<{PACKET}h", *values).ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts = 8000, n * PACKET
        for packet in encoder.encode(frame):
            (unit,) = PlainAudio(plain, 1).push(bytes(packet), said, 0, 0)
            made += transcoder.feed(Packet(G711, unit.data, said, said, unit.duration, True, 0.0))
            said += unit.duration
    assert said == pytest.approx(100 * PACKET, abs=5000)  # the encoder keeps the rest
    assert sum(packet.duration for packet in made) == pytest.approx(said, abs=2 * 1024)
    decoder: Any = av.CodecContext.create("aac", "r")
    decoder.extradata = transcoder.track.extradata
    heard = [value for packet in made for frame in decoder.decode(av.Packet(packet.data)) for value in _samples(frame)]
    middle = heard[3072:10240]
    crossings = sum((one < 0) != (other < 0) for one, other in pairwise(middle))
    assert crossings == pytest.approx(2 * 440 * len(middle) / 8000, rel=0.05)
    assert max(middle) == pytest.approx(12_000 / 32_768, abs=0.12)


def _mp2(packets: int, layout: str = "mono") -> list[Packet]:
    """Silence in MP2, 24 ms a packet."""
    encoder: Any = av.CodecContext.create("mp2", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, layout, "s16"
    frame = av.AudioFrame("s16", layout, 1152)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate = 48_000
    track = Track(1, "audio", "mp2", Fraction(1, 48_000), sample_rate=48_000, channels=1)
    made: list[Packet] = []
    while len(made) < packets:
        frame.pts = None
        for one in encoder.encode(frame):
            at = len(made) * 1152
            made.append(Packet(track, bytes(one), at, at, 1152, True, at / 48_000))
    return made


def test_a_packet_that_cannot_be_decoded_is_a_lost_one() -> None:
    """A bit that fell over on the way must not cost a lesson its sound."""
    packets = _mp2(100)
    spoilt = [replace(one, data=b"\0" * 50) if n in (40, 41) else one for n, one in enumerate(packets)]
    transcoder = AacTranscoder(packets[0].track)
    made = [one for packet in spoilt for one in transcoder.feed(packet)]
    assert sum(one.lost for one in made) == 2
    steps = [(after.pts or 0) - (before.pts or 0) for before, after in pairwise(made)]
    assert sorted(set(steps)) == [1024, 1024 + 2 * 1152], "the sound behind it stands where it belongs"
    with pytest.raises(AudioError):
        for _ in range(SPOILT_PACKETS):
            transcoder.feed(spoilt[40])


def test_a_sound_that_turns_from_mono_to_stereo_goes_on() -> None:
    mono, stereo = _mp2(47), _mp2(49, "stereo")  # 896 samples wait for a whole frame when it turns
    transcoder = AacTranscoder(mono[0].track)
    after = [replace(one, track=mono[0].track, pts=(one.pts or 0) + 47 * 1152, dts=None) for one in stereo]
    made = [one for packet in (*mono, *after) for one in transcoder.feed(packet)]
    unturned = AacTranscoder(mono[0].track)
    assert len(made) == len([one for packet in _mp2(96) for one in unturned.feed(packet)]), "no sample is lost"
    assert {(later.dts or 0) - (one.dts or 0) for one, later in pairwise(made)} == {1024}
