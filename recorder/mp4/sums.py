"""A checksum in front of each fragment.

A power cut may keep any part of what was not yet synced: blocks in the middle of a fragment whose header stands.  Only
a checksum tells such a fragment from a whole one.  It stands in a box that players pass over:

    32 "uuid" <16 bytes: FRAGMENT_SUM> <CRC-32 of moof and mdat> <length of both>
"""

from __future__ import annotations

import struct
import zlib
from uuid import UUID

FRAGMENT_SUM = UUID("6b1f1f5e-52a6-4c3a-9c0e-8d5a4c1f0b27").bytes
"""The user type of our box."""
SUM_BYTES = 32
checksum = zlib.crc32
"""Of bytes, going on from that of the bytes in front of them; called by way of this module (see `bench.slicing`)."""
_SUM = struct.Struct(">I4s16sII")


def sum_box(crc: int, length: int) -> bytes:
    """What stands in front of a fragment (`moof` and `mdat`) of this CRC-32 and length."""
    return _SUM.pack(SUM_BYTES, b"uuid", FRAGMENT_SUM, crc, length)


def read_sum(box: bytes) -> tuple[int, int] | None:
    """CRC-32 and length of the fragment behind such a box; None for any other."""
    if len(box) != SUM_BYTES:
        return None
    size, kind, usertype, crc, length = _SUM.unpack(box)
    return (crc, length) if (size, kind, usertype) == (SUM_BYTES, b"uuid", FRAGMENT_SUM) else None
