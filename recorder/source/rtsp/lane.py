"""The packets of one track, from RTP to whole frames in the time of the session."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from recorder.source.rtsp.dialogue import Leg
from recorder.source.rtsp.ordering import Arrived, Ordering
from recorder.source.rtsp.rtcp import Bye, Reception, SenderReport
from recorder.source.rtsp.rtcp import parse as parse_rtcp
from recorder.source.rtsp.stamps import StampClock
from recorder.source.rtsp.units import Depacketiser, Unit

_HEADER = struct.Struct(">BBHII")  # RFC 3550, 5.1
_PLAIN = 0x80  # version 2, no padding, no extension, no contributing sources
_STRANGERS = 3
"""So many packets in a row of another sender are not left over from an old session (UDP)."""


class Frame(NamedTuple):
    """A whole frame; `pts` in ticks since PLAY."""

    unit: Unit
    pts: int


class Lane:
    """`frames` is what has become whole and was not fetched yet. `now` is set before packets are given, monotonic.

    Without I/O.  `datagrams`: packets come by UDP, where strangers may send some too.
    """

    def __init__(self, leg: Leg, depacketiser: Depacketiser, play_at: float, *, datagrams: bool = False) -> None:
        self.leg = leg
        self.frames: list[Frame] = []
        self.now = play_at
        self.malformed = 0
        self.ended = False
        self.ordering = Ordering()
        self.clock = StampClock(leg.media.clock, leg.first_stamp)
        self._payload_type = leg.media.payload_type
        self._push = depacketiser.push
        self.settle = depacketiser.settle
        self._play_at = play_at
        self._datagrams = datagrams
        self._ssrc = -1
        self._stranger = -1
        self._strange: list[bytes] = []  # the stranger's packets in a row
        self._report: SenderReport | None = None
        self._reported_at = 0.0
        self._cycles = 0
        self._highest = 0

    def begin(self) -> None:
        """PLAY was answered: it may have told where the stamps begin."""
        if self._ssrc < 0:
            self.clock = StampClock(self.leg.media.clock, self.leg.first_stamp)

    def rtp(self, packet: memoryview) -> None:
        """Take a packet. Raises `NotOurs`."""
        if len(packet) < 12:
            self.malformed += 1
            return
        first, second, sequence, stamp, ssrc = _HEADER.unpack_from(packet)
        if second & 0x7F != self._payload_type:
            return  # comfort noise, events: nothing that is recorded
        payload = packet[12:] if first == _PLAIN else _payload(packet, first)
        if payload is None:
            self.malformed += 1
            return
        if ssrc != self._ssrc:
            if not self._follows(ssrc, packet):
                return
        elif self._strange:
            self._strange.clear()
        ordering = self.ordering
        if sequence == ordering.expected and not ordering.holding:
            ordering.expected = (sequence + 1) & 0xFFFF
            units = self._push(payload, stamp, second & 0x80, 0)
            if units:
                self._out(units)
        else:
            self._arrived(ordering.add(sequence, stamp, second & 0x80, payload, self.now))

    def rtcp(self, packet: memoryview) -> None:
        """Take a control packet."""
        for one in parse_rtcp(packet):
            if one.ssrc != self._ssrc and not (isinstance(one, SenderReport) and self._ssrc < 0):
                continue
            if isinstance(one, Bye):
                self.ended = True
            else:
                self._report, self._reported_at = one, self.now
                self.clock.reported(one.camera_sec, one.stamp)

    def tick(self) -> None:
        """Time has passed: what waited too long for the packets in front of it goes on."""
        if self.ordering.holding:
            self._arrived(self.ordering.overdue(self.now))

    def reception(self) -> Reception | None:
        """For a receiver report."""
        if self._ssrc < 0 or self.ordering.expected < 0:
            return None
        highest = (self.ordering.expected - 1) & 0xFFFF
        if highest < self._highest:
            self._cycles += 1
        self._highest = highest
        report = self._report
        return Reception(
            self._ssrc,
            self.ordering.lost,
            self._cycles << 16 | highest,
            report.ntp_middle if report else 0,
            self.now - self._reported_at,
        )

    def _arrived(self, packets: Iterable[Arrived]) -> None:
        for lost, stamp, marker, payload in packets:
            self._out(self._push(payload, stamp, marker, lost))

    def _out(self, units: Iterable[Unit]) -> None:
        place, since = self.clock.place, self.now - self._play_at
        for unit in units:
            self.frames.append(Frame(unit, place(unit.stamp, since)))

    def _follows(self, ssrc: int, packet: memoryview) -> bool:
        """Whether this sender is listened to from now on. What it sent until that was sure is taken then, too."""
        if self._ssrc >= 0:
            if self._datagrams and not self._is_sure_of(ssrc, packet):
                return False
            self._arrived(self.ordering.restart())
            self.clock = StampClock(self.leg.media.clock, None)
        self._ssrc, self._report = ssrc, None
        strange, self._strange = self._strange, []
        for one in strange:
            self.rtp(memoryview(one))
        return True

    def _is_sure_of(self, stranger: int, packet: memoryview) -> bool:
        if stranger != self._stranger:
            self._stranger = stranger
            self._strange.clear()
        if len(self._strange) == _STRANGERS - 1:
            return True
        self._strange.append(bytes(packet))
        return False


def _payload(packet: memoryview, first: int) -> memoryview | None:
    """What stands behind contributing sources and extension and in front of the padding; None where they do not fit."""
    if first >> 6 != 2:
        return None
    begin, end = 12 + 4 * (first & 15), len(packet)
    if first & 0x10:
        if begin + 4 > end:
            return None
        begin += 4 + 4 * (packet[begin + 2] << 8 | packet[begin + 3])
    if first & 0x20:
        end -= packet[-1]
    return packet[begin:end] if begin <= end else None
