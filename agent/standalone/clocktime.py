"""Times of day and the rules of courses (API v1, 3.28), without I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

DAY_SECONDS = 86400
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])")
_MOMENTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a day: `start` seconds after midnight, half open, `length` seconds long."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The first second that is no longer in it."""
        return self.start + self.length

    def overlaps(self, other: Span) -> bool:
        """Whether some second is in both; touching is not overlapping."""
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        return f"{clock_text(self.start)} ~ {clock_text(self.end)}"


def clock_seconds(text: str) -> int | None:
    """Seconds after midnight of `HH:MM:SS`, two digits each; None when it is not that."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = map(int, match.groups())
    return hours * 3600 + minutes * 60 + seconds


def clock_text(seconds: int) -> str:
    """`HH:MM:SS` of seconds after midnight."""
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def crosses_midnight(span: Span) -> bool:
    """Whether a course is refused for its end: the latest one is 23:59:59."""
    return span.end >= DAY_SECONDS


def first_overlap(span: Span, others: Iterable[Span]) -> Span | None:
    """The first of the others that the span overlaps."""
    return next((other for other in others if span.overlaps(other)), None)


def week_id(moment: datetime) -> int:
    """The weekday as API v1 counts it: 0 Sunday to 6 Saturday."""
    return moment.isoweekday() % 7


def moment(text: str, zone: ZoneInfo) -> float | None:
    """Unix seconds of a moment given as Unix seconds, `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS` in the zone; None when it
    is none.
    """
    if re.fullmatch(r"[0-9]{1,11}", text):
        return float(text)
    for form in _MOMENTS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=zone).timestamp()
        except ValueError:
            continue
    return None


def length_text(seconds: float) -> str:
    """A playing time as people read it: `MM:SS`, from an hour on `HH:MM:SS`."""
    whole = round(seconds)
    return clock_text(whole) if whole >= 3600 else f"{whole // 60:02}:{whole % 60:02}"
