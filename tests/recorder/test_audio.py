"""Sound that becomes AAC: continuous samples, the camera's stamps, and errors that cost only the sound."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from recorder.audio import AacTranscoder, AudioError, needs_transcoding
from recorder.packets import Packet, Track
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


def test_what_cannot_be_decoded_is_an_audio_error() -> None:
    with pytest.raises(AudioError, match="nonsense"):
        AacTranscoder(Track(1, "audio", "nonsense", Fraction(1, 8000), sample_rate=8000, channels=1))
    with pytest.raises(AudioError, match="not an audio codec"):
        AacTranscoder(Track(1, "audio", "h264", Fraction(1, 8000), sample_rate=8000, channels=1))
    broken = AacTranscoder(Track(1, "audio", "opus", Fraction(1, 48_000), sample_rate=48_000, channels=2))
    with pytest.raises(AudioError, match="opus"):
        for _ in range(10):
            broken.feed(Packet(G711, b"\xff\xff\xff\xff", 0, 0, 0, True, 0.0))
