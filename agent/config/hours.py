"""Hours of the day, as `"18:00-06:00"`. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_FORM = re.compile(r"\s*(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*", re.ASCII)
DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Window:
    """From minute `begin` of the day up to minute `end`; `end` below `begin` is past midnight."""

    begin: int
    end: int

    def open_at(self, local: datetime) -> bool:
        """Whether this local time is within."""
        minute = local.hour * 60 + local.minute
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end

    def opens_after(self, local: datetime) -> datetime:
        """When it opens next, by the clock on the wall."""
        opening = local.replace(hour=self.begin // 60, minute=self.begin % 60, second=0, microsecond=0)
        return opening if opening > local else opening + timedelta(days=1)


def parse_window(text: str) -> Window | None:
    """The hours that a text means, None for every hour (an empty text). `ValueError` otherwise."""
    if not text.strip():
        return None
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} are no hours")
    hours = [int(part) for part in match.groups()]
    begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if hours[1] > 59 or hours[3] > 59 or begin >= DAY_MINUTES or end > DAY_MINUTES:
        raise ValueError(f"{text!r}: hours go from 00:00 to 24:00")
    if begin == end % DAY_MINUTES:
        raise ValueError(f"{text!r} begins and ends at the same time")
    return Window(begin, end)
