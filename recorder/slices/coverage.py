"""What a recording misses: the ledger by which the promise is kept honestly.  Counted in media time, without I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recorder.specs import Cause

_NETWORK: tuple[Cause, ...] = ("packet_loss", "sound_lost")

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
            self.recorded += end - (at if at > self.end else self.end)
            self.end = end
        return gap

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


class SoundCoverage:
    """Sound that the network lost beside a picture that came. It is named, and takes nothing from the coverage."""

    def __init__(self) -> None:
        self._end: float | None = None

    def broke(self) -> None:
        """What comes next does not follow on what came: the hole between is the recording's."""
        self._end = None

    def took(self, at: float, end: float, lost: int) -> Gap | None:
        """A packet of sound was recorded; the gap in front of it, where packets are known to have been lost there."""
        before, self._end = self._end, end if self._end is None else max(end, self._end)
        if before is None or not lost or at - before <= LOST_FRAMES * (end - at):
            return None
        return Gap(before, at, "sound_lost")


class HeldGap:
    """A gap that was found and is told, with `tell`, when no other can join it any more."""

    def __init__(self, tell: Callable[[Gap], None]) -> None:
        self._tell = tell
        self._gap: Gap | None = None

    def hold(self, gap: Gap) -> None:
        """The next gap: part of the one that is held, where the two are one to a viewer, or another."""
        if self._gap is not None:
            joined = _joined(self._gap, gap)
            if joined is None:
                self.tell()
            gap = joined or gap
        self._gap = gap

    def settle(self, at: float) -> None:
        """Something was recorded at media time `at`."""
        if self._gap is not None and (self._gap.cause not in _NETWORK or at - self._gap.until >= STORM_SEC):
            self.tell()

    def tell(self) -> None:
        """Nothing more will join it."""
        gap, self._gap = self._gap, None
        if gap is not None:
            self._tell(gap)


def _joined(held: Gap, gap: Gap) -> Gap | None:
    """One gap for two: of lost packets, or of a disk that fails again and again."""
    if held.cause != gap.cause:
        return None
    if gap.cause in _NETWORK:
        near = gap.since - held.until < STORM_SEC and gap.until - held.since < STORM_MAX_SEC
        return Gap(held.since, gap.until, gap.cause) if near else None
    return Gap(held.since, gap.until, gap.cause) if gap.cause == "disk" else None
