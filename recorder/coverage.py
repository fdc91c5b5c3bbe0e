"""What a recording misses: the ledger by which the promise is kept honestly.  Counted in media time, without I/O."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.specs import Cause

TOLERANCE_FRAMES = 1.5
"""A distance between frames below this many frame durations is no gap."""
UNNAMED_SEC = 0.5
"""Within a connection frames may come irregularly (cameras slow down in the dark): only a longer hole is a loss."""


LOST_FRAMES = 0.25
"""Where packets are known to have been lost, so small a part of a frame's duration is a gap already."""
STORM_SEC = 1.0
"""Losses closer together than this are one gap: until the next key frame the picture between them is damaged too."""
STORM_MAX_SEC = 10.0
"""But no gap of lost packets is longer: it is told while the storm lasts."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing was recorded between these media times."""

    since: float
    until: float
    cause: Cause


class Coverage:
    """The ledger of one recording that is due from media time `due`.

    The cause of a break is named when it happens (`broke`); the gap is known with the next packet, or at the end.
    """

    def __init__(self, due: float) -> None:
        self.due = due
        self.end = due
        self.recorded = 0.0
        self._began = False
        self._cause: Cause | None = None

    def broke(self, cause: Cause, since: float | None = None) -> None:
        """Nothing is recorded from now on, or from media time `since` on: what was taken after it is lost.

        Of several causes in one gap the first stays.
        """
        if since is not None and since < self.end:
            lost = self.end - max(since, self.due)
            self.recorded -= min(lost, self.recorded)
            self.end = max(since, self.due)
        if self._cause is None:
            self._cause = cause

    def took(self, at: float, end: float, lost: int = 0) -> Gap | None:
        """A packet of the leading track was recorded, from `at` to `end`; the gap in front of it, if there is one.

        `lost`: the network is known to have lost so much directly in front of it.
        """
        gap = None
        if at > self.end:
            frame = end - at
            least = TOLERANCE_FRAMES * frame
            if lost and self._began and self._cause in (None, "packet_loss"):
                least = LOST_FRAMES * frame
                self._cause = "packet_loss"
            elif self._cause is None and self._began:
                least = max(least, UNNAMED_SEC)
            if at - self.end > least:
                gap = self._gap(at)
            else:
                self.recorded += at - self.end
        self._cause, self._began = None, True
        if end > self.end:
            self.recorded += end - max(at, self.end)
            self.end = end
        return gap

    def joined(self, held: Gap, gap: Gap) -> Gap | None:
        """One gap for two where they are one to a viewer: of lost packets, or of a disk that fails again and again."""
        if held.cause != gap.cause:
            return None
        if gap.cause == "packet_loss":
            near = gap.since - held.until < STORM_SEC and gap.until - held.since < STORM_MAX_SEC
            return Gap(held.since, gap.until, gap.cause) if near else None
        return Gap(held.since, gap.until, gap.cause) if gap.cause == "disk" else None

    def settled(self, gap: Gap, at: float) -> bool:
        """Whether nothing that comes at media time `at` or later can join this gap."""
        return gap.cause != "packet_loss" or at - gap.until >= STORM_SEC

    def finish(self, until: float, cause: Cause, tolerance: float = UNNAMED_SEC) -> Gap | None:
        """The recording was due until `until`; the gap at its end, if more than `tolerance` seconds are missing."""
        if until - self.end <= tolerance:
            return None
        if self._cause is None:
            self._cause = cause
        return self._gap(until)

    def _gap(self, until: float) -> Gap:
        gap = Gap(self.end, until, self._cause or ("packet_loss" if self._began else "late"))
        self.end = until
        return gap
