"""RTP and RTCP as a sender makes them (RFC 3550)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

_NTP_ZERO = 2_208_988_800  # 1 January 1900 in Unix time


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet on its way; `sequence` and `stamp` are taken modulo their sizes when it is written."""

    payload_type: int
    marker: bool
    sequence: int
    stamp: int
    ssrc: int
    payload: bytes

    def encoded(self) -> bytes:
        """Header and payload."""
        second = self.marker << 7 | self.payload_type
        header = struct.pack(">BBHII", 0x80, second, self.sequence & 0xFFFF, self.stamp & 0xFFFFFFFF, self.ssrc)
        return header + self.payload

    def at(self, stamp: int) -> RtpPacket:
        """The same packet with another stamp."""
        return replace(self, stamp=stamp)


def sender_report(ssrc: int, wall: float, stamp: int, packets: int, octets: int) -> bytes:
    """SR and the SDES that must follow it: RTP `stamp` is what the wall clock (Unix seconds) calls `wall`."""
    seconds = int(wall)
    report = struct.pack(
        ">BBHIIIIII",
        0x80,
        200,
        6,
        ssrc,
        (seconds + _NTP_ZERO) & 0xFFFFFFFF,
        int((wall - seconds) * 2**32) & 0xFFFFFFFF,
        stamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    item = b"\x01\x06camera\x00\x00\x00\x00"  # CNAME, padded to a multiple of four behind an end
    return report + struct.pack(">BBHI", 0x81, 202, 1 + len(item) // 4, ssrc) + item


def goodbye(ssrc: int) -> bytes:
    """BYE."""
    return struct.pack(">BBHI", 0x81, 203, 1, ssrc)
