"""Sound whose RTP payload is simply the coded samples: G.711, G.722, G.726, L16 (RFC 3551, 4.5) and Opus (RFC 7587)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.source.rtsp.units import Unit


@dataclass(frozen=True, slots=True)
class PlainCodec:
    """libav's name, and how many bits a sample takes in each channel; 0 where a packet is one frame of any length.

    `real_rate`: G.722 says 8000 Hz for its clock and means 16000 (RFC 3551, 4.5.2).
    """

    name: str
    bits: int
    real_rate: int = 0


CODECS = {
    "PCMU": PlainCodec("pcm_mulaw", 8),
    "PCMA": PlainCodec("pcm_alaw", 8),
    "L16": PlainCodec("pcm_s16be", 16),
    "G722": PlainCodec("adpcm_g722", 8, 16000),
    "OPUS": PlainCodec("opus", 0),
    # G.726 has its first sample in the lowest bits (RFC 3551, 4.5.4), or in the highest where AAL2 is named (4.5.4, at
    # its end): libav's `g726le` and `g726`.
    **{f"G726-{8 * bits}": PlainCodec("g726le", bits) for bits in (2, 3, 4, 5)},
    **{f"AAL2-G726-{8 * bits}": PlainCodec("g726", bits) for bits in (2, 3, 4, 5)},
}


class PlainAudio:
    """A payload is a frame."""

    def __init__(self, codec: PlainCodec, channels: int) -> None:
        self._sample_bits = codec.bits * channels
        self._lost = 0

    def push(self, payload: memoryview | bytes, stamp: int, marker: int, lost: int) -> Sequence[Unit]:
        """See `Depacketiser.push`."""
        self._lost += lost
        if not payload:
            return ()
        duration = len(payload) * 8 // self._sample_bits if self._sample_bits else 0
        unit = Unit(bytes(payload), stamp, True, self._lost, duration)
        self._lost = 0
        return (unit,)

    def settle(self) -> None:
        """Everything is copied as it comes."""
