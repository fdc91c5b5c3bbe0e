"""What has happened since the start, counted from the news. No I/O."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict

from agent.status import Happening

GAPS_REMEMBERED = 1000


class Tally:
    """Counts for monitoring: they begin at zero with the daemon and only rise."""

    def __init__(self) -> None:
        self.gap_sec: defaultdict[str, float] = defaultdict(float)
        """Seconds that could not be recorded, by cause."""
        self.gaps: Counter[str] = Counter()
        self.alarms: Counter[str] = Counter()
        """Alarms raised, by kind."""
        self.slices = self.uploads = self.reports = 0
        self.recorded_sec = 0.0
        self.recorded_bytes = self.uploaded_bytes = 0
        self._told: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def take(self, happening: Happening) -> None:
        """One piece of news."""
        data = happening.data
        match happening.kind:
            case "gap":
                self._gap(happening)
            case "alarm" if data.get("state") != "cleared":
                self.alarms[str(data.get("alarm") or "other")] += 1
            case "slice":
                self.slices += 1
                self.recorded_sec += float(data.get("seconds") or 0)
                self.recorded_bytes += int(data.get("size") or 0)
            case "upload":
                self.uploads += 1
                self.uploaded_bytes += int(data.get("size") or 0)
            case "report":
                self.reports += 1

    def _gap(self, happening: Happening) -> None:
        """A gap that is told again, because it has become longer, counts for what it has grown by."""
        data, cause = happening.data, str(happening.data.get("cause") or "unknown")
        since, until = float(data.get("since") or 0), float(data.get("until") or 0)
        key = (str(data.get("slice_id")), str(since), cause)
        reached = self._told.pop(key, None)
        self._told[key] = max(until, reached or until)
        if len(self._told) > GAPS_REMEMBERED:
            self._told.popitem(last=False)
        self.gaps[cause] += reached is None
        self.gap_sec[cause] += max(0.0, until - (since if reached is None else reached))
