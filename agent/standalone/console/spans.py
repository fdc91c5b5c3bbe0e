"""Pieces of time, half open, in Unix seconds. Plain functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """`[since, until)`."""

    since: float
    until: float

    @property
    def length(self) -> float:
        """Seconds, never less than 0."""
        return max(0.0, self.until - self.since)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as there can be, in order; touching ones are one, empty ones none."""
    found: list[Span] = []
    for span in sorted(spans):
        if span.length <= 0:
            continue
        if found and span.since <= found[-1].until:
            found[-1] = Span(found[-1].since, max(found[-1].until, span.until))
        else:
            found.append(span)
    return found


def clipped(spans: Iterable[Span], within: Span) -> list[Span]:
    """What of each lies in a span."""
    pieces = (Span(max(span.since, within.since), min(span.until, within.until)) for span in spans)
    return [piece for piece in pieces if piece.length > 0]


def without(whole: Span, taken: Iterable[Span]) -> list[Span]:
    """What of a span is in none of the others, in order."""
    left, reached = [], whole.since
    for span in merged(clipped(taken, whole)):
        left.append(Span(reached, span.since))
        reached = span.until
    left.append(Span(reached, whole.until))
    return [span for span in left if span.length > 0]


def total(spans: Iterable[Span]) -> float:
    """Seconds, each once."""
    return sum(span.length for span in merged(spans))
