"""H.264 over RTP (RFC 6184): single NAL units, STAP-A and FU-A, that is packetization modes 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from recorder.parameter_sets import SetCodec
from recorder.source.rtsp.nal import AccessUnits, Piece
from recorder.source.rtsp.problems import NotOurs
from recorder.source.rtsp.units import Unit

_SLICE, _IDR, _SEI, _SPS, _PPS = 1, 5, 6, 7, 8
_STAP_A, _FU_A = 24, 28
_INTERLEAVED = (25, 26, 27, 29)  # STAP-B, MTAP16, MTAP24, FU-B
_RECOVERY_POINT = 6


class H264(AccessUnits):
    """A key frame is an IDR picture, or one with a recovery point (open GOP, intra refresh), as libavformat has it."""

    codec: ClassVar[SetCodec] = "h264"
    set_kinds = frozenset((_SPS, _PPS))
    noted_kinds = frozenset((_SEI, _SPS, _PPS))

    def push(self, payload: memoryview | bytes, stamp: int, marker: int, lost: int) -> Sequence[Unit]:
        """See `Depacketiser.push`."""
        # Nine packets of ten: a middle fragment of the NAL unit that grows.
        if (
            not (lost or marker)
            and self._fragment >= 0
            and stamp == self._stamp
            and len(payload) > 2
            and payload[0] & 0x1F == _FU_A
            and not payload[1] & 0xC0
        ):
            self._pieces.append(payload[2:])
            self._size += len(payload)
            return ()
        return super().push(payload, stamp, marker, lost)

    def _take(self, payload: Piece) -> None:
        if not payload:
            return
        kind = payload[0] & 0x1F
        if kind == _FU_A:
            if len(payload) < 3:
                return
            flags = payload[1]
            self._fragmented(flags, bytes((payload[0] & 0xE0 | flags & 0x1F,)), payload[2:])
        elif kind == _STAP_A:
            self._aggregated(payload, 1)
        elif kind in _INTERLEAVED:
            raise NotOurs("H.264 in interleaved packets (packetization-mode 2)")
        else:
            self._whole(payload)

    def _begin_slice(self, kind: int, head: Piece) -> None:
        self._picture(kind, bool(head[1] & 0x80))  # first_mb_in_slice 0 is a single bit 1
        if kind == _IDR:
            self._key = True

    def _note(self, kind: int, unit: bytes) -> None:
        super()._note(kind, unit)
        if kind == _SEI and _holds(unit, _RECOVERY_POINT):
            self._key = True

    def _kind(self, header: int) -> int:
        return header & 0x1F

    def _is_slice(self, kind: int) -> bool:
        # Partitions B and C are no beginnings of anything, but pictures they are.
        return _SLICE <= kind <= _IDR


def _holds(sei: bytes, wanted: int) -> bool:
    """Whether an SEI NAL unit holds a message of this payload type (H.264, 7.3.2.3)."""
    position, end = 1, len(sei)
    while position + 2 < end and sei[position] != 0x80:
        numbers = []
        for _ in range(2):
            value = 0
            while position < end and sei[position] == 0xFF:
                value, position = value + 255, position + 1
            if position >= end:
                return False
            numbers.append(value + sei[position])
            position += 1
        if numbers[0] == wanted:
            return True
        position += numbers[1]
    return False
