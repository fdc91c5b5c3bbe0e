"""The ledger of a recording: what of it stands in slices, what is missing, and why. Plain functions over Unix seconds.

Coverage is derived from the slices that exist, never from what was intended: a hole that nobody named is a hole all
the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.wire.models import SOUND_LOST

TOLERANCE_SEC = 0.25
"""A hole between two slices, or at the rims, shorter than this is the two clocks' disagreement and no gap.

Packets lost inside a slice, or between slices of one connection, are named by the recorder itself, exactly.
"""
CLOCK_TOLERANCE_SEC = 2.0
"""How exactly the hole that a set clock leaves has the length of the step."""


@dataclass(frozen=True, slots=True)
class Span:
    """`[since, until)` with the word why; an empty cause means covered time."""

    since: float
    until: float
    cause: str = ""
    detail: str = ""

    @property
    def length(self) -> float:
        """Seconds."""
        return max(0.0, self.until - self.since)


@dataclass(frozen=True, slots=True)
class Account:
    """The outcome: recorded over due time (0 to 1), and every gap by time."""

    coverage: float
    gaps: tuple[Span, ...]


def account(due: Span, slices: Iterable[Span], named: Sequence[Span], default_cause: str = "restart") -> Account:
    """Hold a recording's due time against its slices.

    `named` are the gaps that the recorder reported; a hole takes the cause of the one that overlaps it most, else
    "late" when it stands at the beginning and `default_cause` elsewhere. A named gap inside covered time (lost
    packets, a full queue) counts as well.
    """
    holes = [hole for hole in _holes(due, slices) if hole.length > TOLERANCE_SEC]
    gaps = [_with_cause(hole, named, "late" if hole.since <= due.since else default_cause) for hole in holes]
    inside = [
        Span(max(gap.since, due.since), min(gap.until, due.until), gap.cause, gap.detail)
        for gap in named
        if gap.since < due.until and gap.until > due.since and not any(_overlap(gap, hole) > 0 for hole in holes)
    ]
    inside = [gap for gap in inside if gap.cause in {"overflow", "packet_loss", "disk", SOUND_LOST}]
    everything = tuple(sorted((*gaps, *inside), key=lambda gap: gap.since))
    coverage = 1.0 if due.length <= 0 else max(0.0, 1.0 - missing_sec(everything) / due.length)
    return Account(coverage, everything)


def account_so_far(begin: float, slices: Sequence[Span], named: Sequence[Span]) -> tuple[Span, ...]:
    """The gaps of a recording that is still on: exact up to the end of its last slice, as they were named after it."""
    reached = max((piece.until for piece in slices), default=begin)
    later = [Span(max(gap.since, reached), gap.until, gap.cause, gap.detail) for gap in named if gap.until > reached]
    return (*account(Span(begin, reached), slices, named).gaps, *later)


def missing_sec(gaps: Iterable[Span]) -> float:
    """Seconds of which there is no picture; what two gaps share counts once."""
    return sum(gap.length for gap in _merged(gap for gap in gaps if gap.cause != SOUND_LOST))


def _holes(due: Span, slices: Iterable[Span]) -> list[Span]:
    holes, reached = [], due.since
    for piece in _merged(slices):
        if piece.since > reached:
            holes.append(Span(reached, min(piece.since, due.until)))
        reached = max(reached, piece.until)
        if reached >= due.until:
            return [hole for hole in holes if hole.length > 0]
    holes.append(Span(reached, due.until))
    return [hole for hole in holes if hole.length > 0]


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.since):
        if merged and span.since <= merged[-1].until:
            merged[-1] = Span(merged[-1].since, max(merged[-1].until, span.until))
        else:
            merged.append(Span(span.since, span.until))
    return merged


def _overlap(a: Span, b: Span) -> float:
    return min(a.until, b.until) - max(a.since, b.since)


def _with_cause(hole: Span, named: Sequence[Span], otherwise: str) -> Span:
    # "late" is a recorder that was not there and does not know why: whoever knows better has the word.
    named = [gap for gap in named if gap.cause != SOUND_LOST]
    known = [gap for gap in named if gap.cause != "late"]
    for gaps, at_least in ((known, hole.length / 2), (named, 0.0)):
        best = max(gaps, key=lambda gap: _overlap(gap, hole), default=None)
        if best is not None and _overlap(best, hole) > at_least:
            return Span(hole.since, hole.until, best.cause, best.detail)
    # A slice that was open when the clock was set forward stands under the old clock's times: what the clock jumped
    # over comes after it.
    for gap in named:
        if gap.cause == "clock" and gap.until <= hole.since and abs(gap.length - hole.length) < CLOCK_TOLERANCE_SEC:
            return Span(hole.since, hole.until, gap.cause, gap.detail)
    return Span(hole.since, hole.until, otherwise)
