"""Access units of H.264 and H.265 out of RTP payloads; what differs between the two stands in `h264` and `h265`.

NAL units get a length of four bytes in front (ISO/IEC 14496-15), so that nobody need look for start codes behind here.

**Where a unit ends.** With its marker, or where the stamp changes.  Cameras set the marker on every slice, or never: it
is believed after it has been right `TRUST` times in a row, and never again when the stamp went on behind it.

**Holes.** A unit that lacks packets is dropped as a whole; what refers to it is kept.  A decoder shows blemishes until
the next key frame, and the loss is named; the frames themselves, which did come, are all recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from recorder import parameter_sets
from recorder.parameter_sets import SetCodec, Sets
from recorder.source.rtsp.units import Unit

TRUST = 3
MAX_UNIT_BYTES = 16 << 20
"""No camera's frame is as large: what grows beyond is no stream."""

_NOTHING: tuple[Unit, ...] = ()
_START_CODES = (b"\x00\x00\x01", b"\x00\x00\x00\x01")
_LENGTH = b"\x00\x00\x00\x00"  # stands in until it is known

Piece = bytes | memoryview


class AccessUnits:
    """The packets of one track become access units. A subclass says what the NAL units mean."""

    codec: ClassVar[SetCodec]
    set_kinds: ClassVar[frozenset[int]]
    noted_kinds: ClassVar[frozenset[int]]
    """NAL units that are looked at when they are whole: parameter sets, SEI."""
    keeps_sets: ClassVar[bool] = True
    """Whether parameter sets stay in the access unit too."""

    def __init__(self) -> None:
        self._stamp = -1
        self._pieces: list[Piece] = []
        self._size = 0
        self._lost = 0  # packets lost since the last whole unit
        self._damaged = False
        self._pictured = False  # a slice has come
        self._key = False
        self._sets: Sets | None = None
        self._ended = True  # with a marker
        self._right = 0  # times the marker was right, -1: it was wrong
        self._finished_stamp = -1  # of the last unit that was taken for whole because of its marker
        self._begun = False  # a whole unit has come
        self._fragment = -1  # place in `_pieces` of the length of a NAL unit that is still growing
        self._fragment_kind = 0

    def push(self, payload: memoryview | bytes, stamp: int, marker: int, lost: int) -> Sequence[Unit]:
        """See `Depacketiser.push`."""
        done = _NOTHING
        if stamp != self._stamp:
            if self._pieces and self._pictured:
                if lost and not self._ended:
                    self._damaged = True  # its end may be missing
                elif self._ended and self._right >= 0:
                    self._right += 1
                done = self._finish()
            # Parameter sets that came under a stamp of their own belong to the picture behind them.
            self._drop_fragment()
            self._damaged = False
            self._stamp = stamp
        elif lost and self._pieces:
            self._drop_fragment()
            self._damaged = True
        elif self._ended and self._pieces and self._pictured:
            self._right = -1
        self._lost += lost
        self._ended = False
        self._take(payload)
        if marker:
            self._ended = True
            if self._fragment >= 0:
                self._end_fragment()  # some cameras forget the end bit
            if self._pictured and self._right >= TRUST:
                self._finished_stamp = stamp
                return (*done, *self._finish())
        return done

    def settle(self) -> None:
        """See `Depacketiser.settle`."""
        if not self._pieces:
            return
        if self._fragment < 0:
            self._pieces = [b"".join(self._pieces)]
        else:
            first = self._fragment
            self._pieces = [b"".join(self._pieces[:first]), _LENGTH, b"".join(self._pieces[first + 1 :])]
            self._fragment = 1

    # -- of the codec ------------------------------------------------------------------------------------------------

    def _take(self, payload: Piece) -> None:
        """One RTP payload: `_whole` NAL units, or fragments by `_grow`."""
        raise NotImplementedError

    def _picture(self, kind: int, first_slice: bool) -> None:
        """A slice begins; with `first_slice` it is its picture's first."""
        if self._pictured:
            return
        self._pictured = True
        if first_slice:
            return
        if self._stamp == self._finished_stamp:
            self._right = -1  # the picture goes on behind its marker
        elif self._lost or not self._begun:
            self._damaged = True  # what is missing is its beginning

    def _note(self, kind: int, unit: bytes) -> None:
        """A whole NAL unit of one of `noted_kinds`."""
        if kind in self.set_kinds:
            sets = self._sets = self._sets if self._sets is not None else {}
            if unit not in sets.get(kind, ()):
                sets[kind] = (*sets.get(kind, ()), unit)

    def _begin_slice(self, kind: int, head: Piece) -> None:
        """A slice's first bytes, header included."""
        raise NotImplementedError

    def _kind(self, header: int) -> int:
        """`nal_unit_type` out of a NAL unit's first byte."""
        raise NotImplementedError

    def _is_slice(self, kind: int) -> bool:
        raise NotImplementedError

    # -- NAL units ---------------------------------------------------------------------------------------------------

    def _whole(self, unit: Piece) -> None:
        """A whole NAL unit."""
        self._drop_fragment()
        if len(unit) < 2:
            return
        if unit[0] == 0 and bytes(unit[:4]).startswith(_START_CODES):
            self._annex_b(bytes(unit))
            return
        kind = self._kind(unit[0])
        if self._is_slice(kind):
            self._begin_slice(kind, unit)
        elif kind in self.noted_kinds:
            unit = bytes(unit)
            if _START_CODES[0] in unit:
                self._annex_b(_START_CODES[0] + unit)
                return
            self._note(kind, unit)
            if kind in self.set_kinds and not self.keeps_sets:
                return
        self._append(len(unit).to_bytes(4, "big"))
        self._append(unit)

    def _annex_b(self, data: bytes) -> None:
        """Some cameras put several NAL units with start codes into one payload."""
        for unit in parameter_sets.nal_units(data, 0):
            self._whole(unit)

    def _aggregated(self, payload: Piece, position: int) -> None:
        """Whole NAL units from this place on, each behind two bytes of length."""
        while position + 2 < len(payload):
            end = position + 2 + (payload[position] << 8 | payload[position + 1])
            if end > len(payload):
                self._damaged = True
                return
            self._whole(payload[position + 2 : end])
            position = end

    def _fragmented(self, flags: int, header: bytes, rest: Piece) -> None:
        """A piece of the NAL unit with this header; the two highest of the flags mark its first and last one."""
        if flags & 0x80:
            self._start(header, rest)
            if flags & 0x40:  # forbidden, but some cameras send a whole NAL unit like this
                self._end_fragment()
        else:
            self._grow(rest, bool(flags & 0x40))

    def _start(self, header: bytes, rest: Piece) -> None:
        """The first fragment of a NAL unit: its header and what follows."""
        self._drop_fragment()
        kind = self._kind(header[0])
        if self._is_slice(kind):
            self._begin_slice(kind, header + bytes(rest[:2]))
        self._fragment, self._fragment_kind = len(self._pieces), kind
        self._append(_LENGTH)
        self._append(header)
        self._append(rest)

    def _grow(self, rest: Piece, last: bool) -> None:
        """A later fragment; what no first one came of is damaged."""
        if self._fragment < 0:
            self._damaged = True
            return
        self._append(rest)
        if last:
            self._end_fragment()

    def _end_fragment(self) -> None:
        first, self._fragment = self._fragment, -1
        pieces = self._pieces
        if self._fragment_kind in self.noted_kinds:
            unit = b"".join(pieces[first + 1 :])
            self._size -= 4 + len(unit)
            del pieces[first:]
            self._whole(unit)
            return
        pieces[first] = sum(map(len, pieces[first + 1 :])).to_bytes(4, "big")

    def _drop_fragment(self) -> None:
        """A NAL unit whose end never came."""
        if self._fragment >= 0:
            del self._pieces[self._fragment :]
            self._fragment = -1
            self._damaged = True

    def _append(self, piece: Piece) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_UNIT_BYTES:
            self._damaged = True
            self._pieces.clear()
            self._fragment = -1
            self._size = 0

    # -- access units ------------------------------------------------------------------------------------------------

    def _finish(self) -> tuple[Unit, ...]:
        """The open unit is at its end."""
        self._drop_fragment()
        unit: tuple[Unit, ...] = _NOTHING
        if self._pictured and not self._damaged:
            unit = (Unit(b"".join(self._pieces), self._stamp, self._key, self._lost, 0, self._sets),)
            self._lost = 0
            self._begun = True
        elif self._begun:
            self._lost = max(self._lost, 1)  # half a frame without a hole in the numbers is lost all the same
        self._pieces = []
        self._size = 0
        self._damaged = self._pictured = self._key = False
        self._sets = None
        return unit
