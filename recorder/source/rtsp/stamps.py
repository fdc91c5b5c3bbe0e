"""From RTP's 32-bit stamps, each track's from a zero of its own, to stamps of one session."""

from __future__ import annotations

from dataclasses import dataclass

_HALF = 1 << 31
_MASK = (1 << 32) - 1
_BEFORE_SEC, _AFTER_SEC = 1.0, 10.0
"""How far the first packet may lie from what `RTP-Info` says before that is taken for nonsense."""
SLEW = 1e-3
"""A track is moved against the other by so much of the time that passes: too little to be heard."""


@dataclass(frozen=True, slots=True)
class Report:
    """A sender report: this instant of the camera's clock, seconds, is that stamp of the track, unwrapped."""

    camera_sec: float
    stamp: int


class StampClock:
    """The stamps of one track. What it gives counts from the moment of PLAY, in ticks of the track's clock.

    Where `first_stamp` (`RTP-Info`) makes sense it is that moment; else the first packet's arrival tells where it lies.
    """

    def __init__(self, rate: int, first_stamp: int | None) -> None:
        self.rate = rate
        self.report: Report | None = None
        self._first_stamp = first_stamp
        self._last: int | None = None
        self._unwrapped = 0
        self._zero = 0
        self._wanted = self._drifted = 0  # ticks by which it is to be moved, and is moved
        self._room = 0.0  # ticks by which it may be moved now

    def place(self, stamp: int, since_play_sec: float) -> int:
        """The stamp of a packet that arrived so long after PLAY."""
        if self._last is None:
            self._begin(stamp, since_play_sec)
        else:
            step = ((stamp - self._last + _HALF) & _MASK) - _HALF
            self._unwrapped += step
            if self._wanted != self._drifted:
                self._drift(step)
        self._last = stamp
        return self._unwrapped - self._zero

    def reported(self, camera_sec: float, stamp: int) -> None:
        """RTCP said which instant of the camera's clock a stamp is."""
        if self._last is not None and camera_sec > 0:
            self.report = Report(camera_sec, self._unwrapped + ((stamp - self._last + _HALF) & _MASK) - _HALF)

    def move(self, seconds: float) -> None:
        """Later by so much from now on."""
        self._zero -= round(seconds * self.rate)

    def drift_to(self, seconds: float) -> None:
        """Later by so much than without any drift: reached little by little, by `SLEW` at most."""
        self._wanted = round(seconds * self.rate)

    @property
    def drift_sec(self) -> float:
        """How far it is moved by now on its way there."""
        return self._drifted / self.rate

    @property
    def reported_zero_sec(self) -> float | None:
        """Where our zero lies on the camera's clock, by its report."""
        if self.report is None:
            return None
        return self.report.camera_sec - (self.report.stamp - self._zero) / self.rate

    def _begin(self, stamp: int, since_play_sec: float) -> None:
        if self._first_stamp is not None:
            own = ((stamp - self._first_stamp + _HALF) & _MASK) - _HALF
            if -_BEFORE_SEC <= own / self.rate <= _AFTER_SEC:
                self._unwrapped = own
                return
        self._unwrapped = round(since_play_sec * self.rate)

    def _drift(self, step: int) -> None:
        self._room = min(self._room + max(step, 0) * SLEW, self.rate * SLEW)
        left = self._wanted - self._drifted
        ticks = int(min(self._room, abs(left)))
        self._room -= ticks
        if left < 0:
            ticks = -ticks
        self._drifted += ticks
        self._zero -= ticks
