"""AAC over RTP (RFC 3640, modes AAC-hbr and AAC-lbr): several frames a packet, or one frame in several packets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.source.rtsp.problems import NotOurs
from recorder.source.rtsp.sdp import Media
from recorder.source.rtsp.units import Unit

_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_SBR, _PS = 5, 29
_MAX_FRAME_BYTES = 64 << 10
_UNUSED = ("ctsdeltalength", "dtsdeltalength", "randomaccessindication", "streamstateindication")


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """An AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1). `rate` is that of the sound that comes out, `core_rate` that
    at which `frame_samples` count.
    """

    data: bytes
    rate: int
    core_rate: int
    channels: int
    frame_samples: int


def config_of(media: Media) -> AudioConfig:
    """What `fmtp` says, or, where it says nothing, what follows from the clock. Raises `NotOurs`."""
    text = media.fmtp.get("config", "").strip('"')
    try:
        data = bytes.fromhex(text if len(text) % 2 == 0 else text + "0")
    except ValueError as error:
        raise NotOurs("AAC with a config that is not hexadecimal") from error
    if len(data) < 2:
        if media.clock not in _RATES or not 1 <= media.channels <= 6:
            raise NotOurs(f"AAC without a config at {media.clock} Hz")
        data = (2 << 11 | _RATES.index(media.clock) << 7 | media.channels << 3).to_bytes(2, "big")
    return parse_config(data, media.channels)


def parse_config(data: bytes, channels: int = 2) -> AudioConfig:
    """Raises `NotOurs` for what no camera sends."""
    bits = _Bits(data)
    kind = bits.object_type()
    core_rate = rate = bits.rate()
    configuration = bits.take(4)
    if kind in (_SBR, _PS):
        rate = bits.rate()
        kind = bits.object_type()
    frame_samples = 960 if bits.take(1) else 1024
    if bits.spent or not rate or not core_rate or kind not in (1, 2, 3, 4):
        raise NotOurs(f"an audio configuration that is no plain AAC ({data[:8].hex()})")
    count = {0: channels, 7: 8}.get(configuration, configuration)
    return AudioConfig(data, rate, core_rate, count, frame_samples)


class Aac:
    """The frames of one track."""

    def __init__(self, media: Media, config: AudioConfig) -> None:
        def number(name: str, otherwise: int) -> int:
            value = media.fmtp.get(name, "")
            return int(value) if value.isascii() and value.isdigit() and len(value) < 4 else otherwise

        low = media.fmtp.get("mode", "").lower() == "aac-lbr"
        self._size_bits = number("sizelength", 6 if low else 13)
        self._index_bits = number("indexlength", 2 if low else 3)
        self._delta_bits = number("indexdeltalength", 2 if low else 3)
        if any(number(name, 0) for name in _UNUSED) or not self._size_bits:
            raise NotOurs("AAC with more in its AU headers than sizes and indices")
        self._auxiliary_bits = number("auxiliarydatasizelength", 0)
        self._step = config.frame_samples * media.clock // config.core_rate or config.frame_samples
        self._lost = 0
        self._partial: list[bytes] = []
        self._wanted = 0  # bytes of the frame that comes in pieces
        self._partial_stamp = -1

    def push(self, payload: memoryview | bytes, stamp: int, marker: int, lost: int) -> Sequence[Unit]:
        """See `Depacketiser.push`."""
        if lost:
            self._lost += lost
            self._drop_partial()
        sizes, begin = self._headers(payload)
        if not sizes:
            self._lost += 1
            return ()
        room = len(payload) - begin
        if (len(sizes) == 1 and sizes[0] > room) or self._partial:
            return self._piece(bytes(payload[begin:]), sizes[0], stamp)
        units = []
        for number, size in enumerate(sizes):
            if begin + size > len(payload):
                self._lost += 1
                break
            data = bytes(payload[begin : begin + size])
            begin += size
            if data:
                units.append(Unit(data, (stamp + number * self._step) & 0xFFFFFFFF, True, self._lost, self._step))
                self._lost = 0
        return units

    def settle(self) -> None:
        """Everything is copied as it comes."""

    def _headers(self, payload: memoryview | bytes) -> tuple[list[int], int]:
        """The sizes of the frames in a payload and where the first one begins; none where that makes no sense."""
        if len(payload) < 2:
            return [], 0
        length = payload[0] << 8 | payload[1]
        begin = 2 + (length + 7) // 8
        if begin > len(payload):
            return [], 0
        value, left = int.from_bytes(payload[2:begin], "big"), 8 * (begin - 2)
        end = left - length
        sizes: list[int] = []
        while left - end >= self._size_bits + (self._delta_bits if sizes else self._index_bits):
            left -= self._size_bits
            size = value >> left & (1 << self._size_bits) - 1
            bits = self._delta_bits if sizes else self._index_bits
            left -= bits
            index = value >> left & (1 << bits) - 1
            if index and sizes:
                raise NotOurs("AAC with interleaved frames")
            sizes.append(size)
        if self._auxiliary_bits and begin < len(payload):
            raise NotOurs("AAC with auxiliary data")
        return sizes, begin

    def _piece(self, data: bytes, size: int, stamp: int) -> Sequence[Unit]:
        if self._partial and (size != self._wanted or stamp != self._partial_stamp):
            self._drop_partial()
            self._lost += 1
        if size > _MAX_FRAME_BYTES:
            self._lost += 1
            return ()
        self._wanted, self._partial_stamp = size, stamp
        self._partial.append(data)
        have = sum(map(len, self._partial))
        if have < size:
            return ()
        whole, lost = b"".join(self._partial)[:size], self._lost
        self._drop_partial()
        self._lost = 0
        return [Unit(whole, stamp, True, lost, self._step)]

    def _drop_partial(self) -> None:
        self._partial.clear()
        self._wanted = 0


class _Bits:
    """`spent` says that more was taken than there is."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)
        self.spent = False

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            self.spent = True
            return 0
        return self._value >> self._left & (1 << count) - 1

    def object_type(self) -> int:
        kind = self.take(5)
        return 32 + self.take(6) if kind == 31 else kind

    def rate(self) -> int:
        index = self.take(4)
        if index == 15:
            return self.take(24)
        return _RATES[index] if index < len(_RATES) else 0
