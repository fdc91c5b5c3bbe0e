"""Which time nobody watched the timetable: the agent did not run, the machine slept, the clock was set over it.

Every lesson of such a time is entered in the journal with its gap, so that nothing is lost silently.  No I/O: one mark,
"everything before this instant is accounted for", is moved along; the journal keeps it over restarts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.schedule.ledger import Span

EARLIEST = 1_767_225_600.0
"""2026-01-01, UTC. No machine that runs this program lives earlier: such a clock has not been set yet."""
LONGEST_SEC = 400 * 86_400.0
"""A longer absence than a school year is rather a wrong clock."""
SETTLED_SEC = 3600.0
"""A clock that has run on for this long is believed, whatever was before."""


@dataclass(frozen=True, slots=True)
class Absence:
    """What one look finds: `missed` is the time to account for (None: nothing), `until` the mark from now on."""

    until: float | None
    missed: Span | None = None


@dataclass(slots=True)
class Presence:
    """The looks of one process. `look_sec`: it looks at least this often while it runs."""

    look_sec: float
    _looked: tuple[float, float] | None = None
    _since: float = 0.0
    _believed: bool = False

    def look(self, until: float | None, wall: float, monotonic: float, stepped_sec: float) -> Absence:
        """`until` is the mark so far (None on the very first start), `stepped_sec` by how much the wall clock was set
        since the last look.

        A clock set back leaves the mark where it is: what lies between is accounted for, and the next lessons are
        simply due again.
        """
        before, self._looked = self._looked, (wall, monotonic)
        if before is None or stepped_sec:
            self._since = monotonic
        if wall < EARLIEST:
            return Absence(until)
        if until is None:
            self._believed = True
            return Absence(wall)
        settled = monotonic - self._since >= SETTLED_SEC
        if not until <= wall <= until + LONGEST_SEC:
            return Absence(wall if settled else until)
        first, self._believed = not self._believed, True
        missed = Span(until, wall, *self._why(before, monotonic, stepped_sec, first=first))
        return Absence(wall, self._beside_step(missed, stepped_sec))

    def _why(
        self, before: tuple[float, float] | None, monotonic: float, stepped_sec: float, *, first: bool
    ) -> tuple[str, str]:
        if first:
            # Until its clock was set, a machine that had just been switched on did not know what was due either.
            return "restart", "the agent was not running"
        if stepped_sec > 0:
            return "clock", f"this machine's clock was set forward by {stepped_sec:.0f} s"
        slept = 0.0 if before is None else monotonic - before[1]
        if slept > self.look_sec + 10.0:
            return "asleep", f"this machine slept, or the agent was stopped, for {slept:.0f} s"
        return "", ""

    @staticmethod
    def _beside_step(missed: Span, stepped_sec: float) -> Span:
        """What passed between the last look and the step was watched."""
        if missed.cause != "clock":
            return missed
        return replace(missed, since=max(missed.since, missed.until - stepped_sec))
