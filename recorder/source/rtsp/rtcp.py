"""RTCP (RFC 3550, 6), as little as a receiver owes and needs: sender reports in, receiver reports out, BYE."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SENDER_REPORT, _RECEIVER_REPORT, _BYE = 200, 201, 203
_NTP_EPOCH = 2_208_988_800  # 1900 to 1970


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`camera_sec`: the camera's clock, Unix seconds; `stamp` the RTP stamp of that instant."""

    ssrc: int
    camera_sec: float
    stamp: int
    ntp_middle: int


@dataclass(frozen=True, slots=True)
class Bye:
    """The sender leaves."""

    ssrc: int


def parse(data: memoryview | bytes) -> list[SenderReport | Bye]:
    """What of a compound packet concerns us; what is damaged ends it."""
    found: list[SenderReport | Bye] = []
    position = 0
    while position + 8 <= len(data):
        first, kind, words = struct.unpack_from(">BBH", data, position)
        end = position + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data):
            break
        if kind == _SENDER_REPORT and end - position >= 28:
            ssrc, seconds, fraction, stamp = struct.unpack_from(">IIII", data, position + 4)
            camera_sec = seconds - _NTP_EPOCH + fraction / (1 << 32) if seconds else 0.0
            middle = (seconds & 0xFFFF) << 16 | fraction >> 16
            found.append(SenderReport(ssrc, camera_sec, stamp, middle))
        elif kind == _BYE and first & 31:
            found.append(Bye(int.from_bytes(data[position + 4 : position + 8], "big")))
        position = end
    return found


@dataclass(frozen=True, slots=True)
class Reception:
    """What a receiver report says of one sender; `lost` in all, `highest` the extended sequence number."""

    ssrc: int
    lost: int
    highest: int
    last_report: int  # the middle of the last sender report's NTP stamp, 0 for none
    since_report_sec: float


def receiver_report(own_ssrc: int, reception: Reception | None) -> bytes:
    """One report with an SDES that names us, as every compound packet must (RFC 3550, 6.1)."""
    blocks = b""
    if reception is not None:
        delay = min(round(reception.since_report_sec * 65536), 0xFFFFFFFF) if reception.last_report else 0
        blocks = struct.pack(
            ">IIIIII",
            reception.ssrc,
            min(reception.lost, 0x7FFFFF),
            reception.highest & 0xFFFFFFFF,
            0,
            reception.last_report,
            delay,
        )
    count = 1 if reception is not None else 0
    report = struct.pack(">BBHI", 0x80 | count, _RECEIVER_REPORT, 1 + len(blocks) // 4, own_ssrc) + blocks
    name = b"\x01\x06gather"
    chunk = struct.pack(">I", own_ssrc) + name + bytes(4 - len(name) % 4)
    return report + struct.pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk
