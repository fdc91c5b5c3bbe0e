"""Payloads into a depacketiser, as a lane gives them."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.source.rtsp.units import Depacketiser, Unit

Piece = tuple[bytes, int, int]
"""Payload, stamp, marker."""


def fed(depacketiser: Depacketiser, pieces: Sequence[Piece], lost: int = 0) -> list[Unit]:
    """What becomes whole; `lost` packets are missing in front of the first one."""
    units: list[Unit] = []
    for payload, stamp, marker in pieces:
        buffer = bytearray(payload)
        units += depacketiser.push(memoryview(buffer), stamp, marker, lost)
        lost = 0
        depacketiser.settle()
        buffer[:] = bytes(len(buffer))  # the buffer is used again
    return units


def fed_with_holes(
    depacketiser: Depacketiser, frames: Sequence[Sequence[Piece]], holes: set[int]
) -> tuple[list[Unit], list[int]]:
    """The same without the packets of these numbers; what came, and which frames have no hole."""
    units: list[Unit] = []
    whole, lost, place = [], 0, 0
    for number, frame in enumerate(frames):
        missing = 0
        for piece in frame:
            if place in holes:
                lost += 1
                missing += 1
            else:
                units += fed(depacketiser, [piece], lost)
                lost = 0
            place += 1
        if not missing:
            whole.append(number)
    return units, whole
