"""MPEG audio over RTP (RFC 2250, 3.5): layers I to III, several frames a packet, or one frame in several packets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.source.rtsp.units import Unit

CLOCK = 90_000
_HEADER_BYTES, _FRAME_HEADER_BYTES = 4, 4
_RATES = (44100, 48000, 32000)
# ISO/IEC 11172-3, 2.4.2.3, and 13818-3: kbit/s by index; MPEG-1 layers I, II, III, then MPEG-2 layer I, the others.
_KBITS = (
    (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)


@dataclass(frozen=True, slots=True)
class Sound:
    """What a frame's header says of the whole track; `codec` by libav's name."""

    codec: str
    rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """Of one frame: bytes with the header, samples in each channel."""

    sound: Sound
    size: int
    samples: int


def header_of(data: bytes | memoryview) -> FrameHeader | None:
    """The header at the beginning of `data`; None where none stands there, or one of free format."""
    if len(data) < _FRAME_HEADER_BYTES or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    version, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
    kbit_index, rate_index = data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or layer == 4 or rate_index == 3 or kbit_index in (0, 15):
        return None
    first = version == 3  # MPEG-1; else MPEG-2 or 2.5, at half or a quarter of the rate
    rate = _RATES[rate_index] >> (0 if first else 1 if version == 2 else 2)
    kbits = _KBITS[layer - 1 if first else 3 if layer == 1 else 4][kbit_index]
    padding = data[2] >> 1 & 1
    if layer == 1:
        samples, size = 384, (12_000 * kbits // rate + padding) * 4
    else:
        samples = 1152 if first or layer == 2 else 576
        size = samples // 8 * 1000 * kbits // rate + padding
    channels = 1 if data[3] >> 6 == 3 else 2
    return FrameHeader(Sound(f"mp{layer}", rate, channels), size, samples)


class MpegAudio:
    """The frames of one track."""

    def __init__(self) -> None:
        self._lost = 0
        self._partial = b""
        self._partial_stamp = -1

    def push(self, payload: memoryview | bytes, stamp: int, marker: int, lost: int) -> Sequence[Unit]:
        """See `Depacketiser.push`. A frame's stamp is that of the packet that it begins in."""
        self._lost += lost
        if lost:
            self._partial = b""
        if len(payload) <= _HEADER_BYTES:
            self._lost += 1
            self._partial = b""
            return ()
        offset = payload[2] << 8 | payload[3]
        data = bytes(payload[_HEADER_BYTES:])
        if offset:
            return self._piece(data, offset, lost)
        if self._partial:  # its end never came
            self._lost += 1
            self._partial = b""
        return self._frames(data, stamp)

    def settle(self) -> None:
        """Everything is copied as it comes."""

    def _frames(self, data: bytes, stamp: int) -> list[Unit]:
        units: list[Unit] = []
        while data:
            header = header_of(data)
            if header is None or (header.size > len(data) and units):
                self._lost += 1  # neither a frame nor the beginning of one
                break
            if header.size > len(data):
                self._partial, self._partial_stamp = data, stamp
                break
            units.append(self._unit(data[: header.size], header, stamp))
            stamp = (stamp + units[-1].duration) & 0xFFFFFFFF
            data = data[header.size :]
        return units

    def _piece(self, data: bytes, offset: int, lost: int) -> Sequence[Unit]:
        if not self._partial or offset != len(self._partial):
            if self._partial and not lost:
                self._lost += 1
            self._partial = b""
            return ()
        self._partial += data
        header = header_of(self._partial)
        assert header is not None
        if len(self._partial) < header.size:
            return ()
        frame, self._partial = self._partial[: header.size], b""
        return (self._unit(frame, header, self._partial_stamp),)

    def _unit(self, data: bytes, header: FrameHeader, stamp: int) -> Unit:
        lost, self._lost = self._lost, 0
        return Unit(data, stamp, True, lost, header.samples * CLOCK // header.sound.rate)
