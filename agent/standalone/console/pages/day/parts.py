"""A lesson cut into pieces, each recorded, missing, not known, or still to come. Plain functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.standalone.console.lessons import LessonView
from agent.standalone.console.spans import Span, clipped, merged, total, without
from agent.wire.models import SOUND_LOST

PartKind = Literal["recorded", "missing", "unknown", "coming"]
HOUR_SEC = 3600
_KNOWN = ("on", "closing", "done")
"""States in which the agent's list of gaps says everything."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a lesson; `cause` is a gap's, empty where nobody named one."""

    since: float
    until: float
    kind: PartKind
    cause: str = ""

    @property
    def span(self) -> Span:
        """The time alone."""
        return Span(self.since, self.until)


def parts(lesson: LessonView, stored: Sequence[Span], now: float) -> tuple[Part, ...]:
    """The lesson from begin to end without hole or overlap, in order. `stored`: the times of its slices that are here.

    What neither a gap nor a slice speaks of is recorded as long as the agent is at it, missing where it should be and
    is not, and unknown where the agent has not been heard since.
    """
    end = now if lesson.end is None else lesson.end
    whole = Span(lesson.begin, max(end, lesson.begin))
    over = Span(whole.since, min(max(now, whole.since), whole.until))
    if lesson.state == "upcoming":
        over = Span(whole.since, whole.since)
    found = [*_gaps(lesson, over)]
    rest = without(over, (part.span for part in found))
    if lesson.state in _KNOWN:
        found += [Part(span.since, span.until, "recorded") for span in rest]
    else:
        otherwise: PartKind = "unknown" if lesson.state == "unheard" else "missing"
        held = merged(stored)
        for span in rest:
            found += [Part(one.since, one.until, "recorded") for one in clipped(held, span)]
            found += [Part(one.since, one.until, otherwise, _cause(lesson)) for one in without(span, held)]
    found += [Part(span.since, span.until, "coming") for span in without(whole, [over])]
    return tuple(sorted(found, key=lambda part: part.since))


def _gaps(lesson: LessonView, over: Span) -> list[Part]:
    """The gaps of the picture in order; where two overlap the earlier one has the time."""
    found: list[Part] = []
    reached = over.since
    of_picture = (gap for gap in lesson.gaps if gap.cause != SOUND_LOST)
    for gap in sorted(of_picture, key=lambda gap: (gap.since, gap.until)):
        for span in clipped([Span(max(gap.since, reached), gap.until)], over):
            found.append(Part(span.since, span.until, "missing", gap.cause))
            reached = span.until
    return found


def _cause(lesson: LessonView) -> str:
    return "agent_offline" if lesson.state == "unheard" else lesson.state


def coverage(pieces: Sequence[Part]) -> float | None:
    """Recorded over decided time of one channel."""
    recorded = total(part.span for part in pieces if part.kind == "recorded")
    return share(recorded, total(part.span for part in pieces if part.kind == "missing"))


def share(recorded: float, missing: float) -> float | None:
    """0 to 1, and 1 only where nothing is missing; None where nothing is decided."""
    if recorded + missing <= 0:
        return None
    return 1.0 if missing <= 0 else min(recorded / (recorded + missing), math.nextafter(1.0, 0.0))


def window(spans: Sequence[Span], day: Span, *, least: Span) -> Span:
    """The part of a day that is drawn: whole hours around all spans, and `least` in any case."""
    first = min((span.since for span in spans), default=least.since)
    last = max((span.until for span in spans), default=least.until)
    first, last = max(min(first, least.since), day.since), min(max(last, least.until), day.until)
    return Span(
        day.since + (first - day.since) // HOUR_SEC * HOUR_SEC,
        min(day.until, day.since - (day.since - last) // HOUR_SEC * HOUR_SEC),
    )


def hours(drawn: Span, most: int = 12) -> list[float]:
    """Where the axis has its marks: at most so many, whole hours apart."""
    count = round(drawn.length / HOUR_SEC)
    step = next(step for step in (1, 2, 3, 4, 6, 12, 24) if count <= step * most or step == 24)
    return [drawn.since + hour * HOUR_SEC for hour in range(0, count + 1, step)]
