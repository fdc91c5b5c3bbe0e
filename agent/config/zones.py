"""Time zones by their IANA names."""

from __future__ import annotations

import difflib
import zoneinfo


def known(name: str) -> bool:
    """Whether this machine knows the zone."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def nearest(name: str) -> str:
    """The zone that was probably meant, also by its city alone (`shanghai`); empty when none comes near."""
    by_folded: dict[str, str] = {}
    for zone in sorted(zoneinfo.available_timezones()):
        by_folded.setdefault(zone.rpartition("/")[2].lower(), zone)
        by_folded[zone.lower()] = zone
    found = difflib.get_close_matches(name.lower().replace(" ", "_"), by_folded, n=1, cutoff=0.7)
    return by_folded[found[0]] if found else ""
