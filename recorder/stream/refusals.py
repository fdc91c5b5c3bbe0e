"""How long a password rests that a camera has refused, for all streams of the camera together. No I/O.

Cameras lock an account, or an address, for up to half an hour after about five wrong passwords (Dahua's and Uniview's
default; Hikvision's is seven), for whoever comes with the right one too. So there are at most four attempts in half an
hour that nobody has asked for; the streams of a camera share them.
"""

from __future__ import annotations

from dataclasses import dataclass

AGAIN_SEC = (20.0, 120.0)
"""The first waits after a connection that was accepted: some cameras refuse everybody while they start."""
SOON_SEC = AGAIN_SEC[0]
MOST = 4
"""Attempts in the time of two rests; those that somebody asked for count, and are made all the same."""
APART_SEC = 120.0
"""Two attempts are at least as far apart, whoever asks for them."""
_BURST_SEC = 5.0  # the other stream of the camera was refused at the same time


@dataclass(slots=True)
class Refusals:
    """Used by the reading threads of one camera; times are monotonic seconds, `rest_sec` is how long a password rests.

    Overtaking each other does no harm: two threads may then try at once.
    """

    rest_sec: float
    _until: float | None = None
    _again: tuple[float, ...] = ()
    _counted: tuple[float, ...] = ()
    _tried_at: float = float("-inf")
    _refused_at: float = float("-inf")

    def refused(self, now: float) -> float:
        """The camera has said no; seconds that its password rests now."""
        counted = self._counted = (*self._counted, now)[-MOST:]
        if self._until is not None and now - self._refused_at < min(_BURST_SEC, self.rest_sec):
            return max(self._until - now, 0.0)
        wait, self._again = (self._again[0], self._again[1:]) if self._again else (self.rest_sec, ())
        self._tried_at = self._refused_at = now
        self._until = now + min(wait, self.rest_sec)
        if len(counted) == MOST:
            self._until = max(self._until, counted[0] + 2 * self.rest_sec)
        return self._until - now

    def accepted(self) -> None:
        """The camera has taken it."""
        self._until, self._again, self._counted = None, AGAIN_SEC, ()

    def may_try(self, now: float, *, asked: bool) -> bool:
        """Whether one may try again; `asked`: something is wanted of the camera right now. Who may has to."""
        if self._until is None:
            return True
        since = now - self._tried_at
        if now < self._until and not (asked and since >= APART_SEC):
            return False
        if since < min(SOON_SEC, self.rest_sec):  # the other stream is trying
            return False
        self._tried_at = now
        return True


def resting(wait_sec: float) -> str:
    """What is said of it."""
    shown = f"{wait_sec:.0f} s" if wait_sec < 90 else f"{wait_sec / 60:.0f} min"
    return f"asked again in {shown}"
