"""H.265 over RTP (RFC 7798): single NAL units, aggregation packets and fragmentation units, without DONL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from recorder.parameter_sets import SetCodec
from recorder.source.rtsp.nal import AccessUnits, Piece
from recorder.source.rtsp.problems import NotOurs
from recorder.source.rtsp.units import Unit

_FIRST_KEY, _LAST_KEY = 16, 23  # BLA, IDR, CRA and what is reserved for their like
_LAST_SLICE = 31
_VPS, _SPS, _PPS = 32, 33, 34
_AGGREGATION, _FRAGMENTATION, _PACI = 48, 49, 50


class H265(AccessUnits):
    """A key frame is an IRAP picture, as libavformat has it.

    Parameter sets are taken out: with `hvc1` they stand in the file's head alone (ISO/IEC 14496-15, 8.4.1).
    """

    codec: ClassVar[SetCodec] = "hevc"
    set_kinds = frozenset((_VPS, _SPS, _PPS))
    noted_kinds = frozenset((_VPS, _SPS, _PPS))
    keeps_sets = False

    def push(self, payload: memoryview | bytes, stamp: int, marker: int, lost: int) -> Sequence[Unit]:
        """See `Depacketiser.push`."""
        if (
            not (lost or marker)
            and self._fragment >= 0
            and stamp == self._stamp
            and len(payload) > 3
            and payload[0] >> 1 & 0x3F == _FRAGMENTATION
            and not payload[2] & 0xC0
        ):
            self._pieces.append(payload[3:])
            self._size += len(payload)
            return ()
        return super().push(payload, stamp, marker, lost)

    def _take(self, payload: Piece) -> None:
        if len(payload) < 3:
            return
        kind = payload[0] >> 1 & 0x3F
        if kind == _FRAGMENTATION:
            flags = payload[2]
            self._fragmented(flags, bytes((payload[0] & 0x81 | (flags & 0x3F) << 1, payload[1])), payload[3:])
        elif kind == _AGGREGATION:
            self._aggregated(payload, 2)
        elif kind == _PACI:
            raise NotOurs("H.265 in PACI packets")
        else:
            self._whole(payload)

    def _begin_slice(self, kind: int, head: Piece) -> None:
        self._picture(kind, len(head) > 2 and bool(head[2] & 0x80))  # first_slice_segment_in_pic_flag
        if _FIRST_KEY <= kind <= _LAST_KEY:
            self._key = True

    def _kind(self, header: int) -> int:
        return header >> 1 & 0x3F

    def _is_slice(self, kind: int) -> bool:
        return kind <= _LAST_SLICE
