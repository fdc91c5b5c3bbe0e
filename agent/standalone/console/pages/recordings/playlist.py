"""The slices of a recording as one film: what of each is played, and where on the whole's time. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST_SEC = 0.04
"""Of a slice of which less is left than a picture lasts, nothing is played."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A stored slice: `inx` its index, `started` the wall clock of its first packet (Unix seconds), `duration` its
    length, of which `overlap` stands at the end of the slice before it too.
    """

    inx: int
    file: str
    started: float
    duration: float
    overlap: float = 0.0


@dataclass(frozen=True, slots=True)
class Clip:
    """What is played of a slice: `length` seconds of the file from `skip` on, `at` on the whole's time; `wall` is the
    clock of the first picture of it.
    """

    file: str
    at: float
    skip: float
    length: float
    wall: float


def playlist(slices: Sequence[Slice]) -> tuple[Clip, ...]:
    """The clips in order, one behind the other. An overlap is left out only where the slice before it is there."""
    clips: list[Clip] = []
    at = 0.0
    before: int | None = None
    for piece in sorted(slices, key=lambda piece: (piece.inx, piece.started)):
        skip = min(max(piece.overlap, 0.0), piece.duration) if before == piece.inx - 1 else 0.0
        length = piece.duration - skip
        before = piece.inx
        if length < SHORTEST_SEC:
            continue
        clips.append(Clip(piece.file, at, skip, length, piece.started + skip))
        at += length
    return tuple(clips)


def length(clips: Sequence[Clip]) -> float:
    """Seconds of the whole."""
    return clips[-1].at + clips[-1].length if clips else 0.0
