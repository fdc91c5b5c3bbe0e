"""What a device says that its clock shows. No I/O."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

from agent.onvif import soap

_ZONE = re.compile(r"^(?:[A-Za-z]+|<[^>]+>)([+-]?)(\d{1,2})(?::(\d{2}))?")
"""The beginning of a POSIX time zone, as ONVIF has them: `CST-8` is eight hours east of Greenwich."""


def told(answer: ET.Element) -> float | None:
    """The clock in a GetSystemDateAndTimeResponse, Unix seconds; None where it does not say, or says no date.

    Where it gives local time only, by the zone that it names; the summer's hour is not counted, as no device without
    UTC was seen that has one.
    """
    shown = next(soap.inside(answer, "SystemDateAndTime"), None)
    if shown is None:
        return None
    utc = _seconds(next(soap.inside(shown, "UTCDateTime"), None))
    if utc is not None:
        return utc
    local, zone = _seconds(next(soap.inside(shown, "LocalDateTime"), None)), soap.text(shown, "TimeZone", "TZ")
    if local is None or (found := _ZONE.match(zone)) is None:
        return None
    west = (int(found[2]) * 3600 + int(found[3] or 0) * 60) * (-1 if found[1] == "-" else 1)
    return local + west


def of_header(date: str) -> float | None:
    """The clock in HTTP's `Date`, which is UTC, also where it does not say so; half a second for what it leaves out."""
    try:
        shown = parsedate_to_datetime(date)
        return (shown if shown.tzinfo else shown.replace(tzinfo=UTC)).timestamp() + 0.5
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _seconds(when: ET.Element | None) -> float | None:
    if when is None:
        return None
    fields = [soap.number(when, "Date", name) for name in ("Year", "Month", "Day")]
    fields += [soap.number(when, "Time", name) for name in ("Hour", "Minute", "Second")]
    fields[5] = min(fields[5], 59)  # a leap second
    try:
        year, month, day, hour, minute, second = fields
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
