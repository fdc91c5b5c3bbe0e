"""What a simulated year came to, and for which troubles a gap may be."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.schedule.ledger import CLOCK_TOLERANCE_SEC, Span

NEAR_SEC = 60.0
CAUSES = {
    "restart": {"down", "killed"},
    "clock": {"clock", "down"},
    "asleep": {"sleep"},
    "stalled": {"away", "sleep"},
    "unreachable": {"away"},
    "late": {"down", "killed", "clock", "away", "sleep"},
}
"""Which trouble a gap's cause may speak of."""


class Unaccounted(AssertionError):
    """A lesson of which nobody knows what became."""


@dataclass(frozen=True)
class Trouble:
    """Why something may be missing between two instants; camera 0 stands for all."""

    kind: str
    since: float
    until: float
    camera_id: int = 0

    def touches(self, since: float, until: float, camera_id: int) -> bool:
        """Whether it may have cost that channel something in that time."""
        return self.camera_id in (0, camera_id) and self.since - NEAR_SEC < until and since < self.until + NEAR_SEC

    def explains(self, gap: Span, camera_id: int) -> bool:
        """Whether that gap is named after this trouble, as it should be.

        A slice that was open when the clock was set forward stands under the old clock's times to its end, and what
        the clock jumped over comes after it, as long as the jump (`agent.schedule.ledger`).
        """
        if self.kind not in CAUSES[gap.cause]:
            return False
        if self.touches(gap.since, gap.until, camera_id):
            return True
        jumped = self.until - self.since
        return self.kind == "clock" and self.until <= gap.since and abs(jumped - gap.length) < CLOCK_TOLERANCE_SEC


@dataclass
class Ledger:
    """What the year came to."""

    lessons: int = 0
    whole: int = 0
    in_part: int = 0
    not_at_all: int = 0
    by_hand: int = 0
    unaccounted: int = 0
    missing_sec: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    happened: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"lessons                {self.lessons:>8,}   and {self.by_hand} recordings by hand",
            f"recorded whole         {self.whole:>8,}",
            f"with named gaps        {self.in_part:>8,}",
            f"wholly a named gap     {self.not_at_all:>8,}",
            f"unaccounted            {self.unaccounted:>8,}",
            *(f"missing, {cause:<13} {sec / 3600:>10.1f} h" for cause, sec in sorted(self.missing_sec.items())),
            *(f"{name:<22} {count:>8,}" for name, count in sorted(self.happened.items())),
            *(f"{name:<22} {count:>8,}" for name, count in self.numbers.items()),
        ]
        return "\n".join(lines)


def uncovered(due: Span, pieces: Iterable[Span]) -> float:
    """Seconds of `due` in none of the pieces."""
    reached, missing = due.since, 0.0
    for piece in sorted(pieces, key=lambda one: one.since):
        missing += max(0.0, min(piece.since, due.until) - reached)
        reached = max(reached, piece.until)
    return missing + max(0.0, due.until - reached)
