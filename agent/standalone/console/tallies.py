"""How many lessons became what, remembered where that is settled: a year is counted once, and then known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from agent.standalone.console.lessons import Around, Fate, Wanted, midnight, outcomes
from agent.standalone.console.spans import Span, total
from agent.standalone.store.totals import changes, lesson_marks, recalled, remembered
from agent.web.parts import GapView
from agent.wire.models import SOUND_LOST

SETTLED_SEC = 86_400.0
"""So long after its end a week in which nothing is open can only change by a report, or by another timetable."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many lessons have which fate, and how much of the picture all of them miss, in seconds."""

    counts: Counter[Fate]
    missing: float = 0.0

    def number(self, of: Collection[Fate]) -> int:
        """How many have one of these fates."""
        return sum(self.counts[fate] for fate in of)

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.counts + other.counts, self.missing + other.missing)


@dataclass(frozen=True, slots=True)
class Setting:
    """What tallies hang on besides the lessons themselves; `version` is another one when it has changed."""

    around: Around
    version: Hashable


def setting(session: Session, wanted: Wanted) -> Setting:
    """Today's, for what is wanted."""
    timetable = changes(session, ("course",))  # first: what changes meanwhile belongs to the version behind it
    around = Around(session, wanted)
    owners = frozenset((camera_id, camera.gather_id) for camera_id, camera in around.cameras.items())
    return Setting(around, (timetable, owners, frozenset(around.gathers)))


def weeks(wanted: Wanted) -> Iterator[Wanted]:
    """The same lessons in pieces, the last ones first: each a week from Monday to Sunday, or what was asked of it."""
    last = wanted.last
    while last >= wanted.first:
        first = max(wanted.first, last - timedelta(days=last.weekday()))
        yield replace(wanted, first=first, last=last)
        last = first - timedelta(days=1)


def known_tallies(session: Session, pieces: Iterable[Wanted], under: Setting, zone: ZoneInfo) -> dict[Wanted, Tally]:
    """Those that are remembered."""
    found = ((piece, recalled(session, _marks(piece, zone), (piece, under.version, zone.key))) for piece in pieces)
    return {piece: tally for piece, tally in found if tally is not None}


def tally(session: Session, wanted: Wanted, under: Setting, now: float, zone: ZoneInfo) -> Tally:
    """The tally of a piece."""

    def count() -> Tally:
        counts, gaps = outcomes(session, wanted, now, zone, under.around)
        return Tally(counts, sum(map(missing_sec, gaps)))

    def is_settled(found: Tally) -> bool:
        over = midnight(wanted.last + timedelta(days=1), zone) + SETTLED_SEC < now
        return over and not found.number(("coming", "open", "unknown"))

    return remembered(session, _marks(wanted, zone), (wanted, under.version, zone.key), count, is_settled)


def missing_sec(gaps: Iterable[GapView]) -> float:
    """Seconds of which the picture is known to be missing."""
    return total(Span(gap.since, gap.until) for gap in gaps if gap.cause != SOUND_LOST)


def _marks(wanted: Wanted, zone: ZoneInfo) -> tuple[str, ...]:
    return lesson_marks(midnight(wanted.first, zone), midnight(wanted.last + timedelta(days=1), zone))
