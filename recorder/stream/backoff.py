"""How long to wait before a lost source is tried again."""

from __future__ import annotations

from collections.abc import Callable

QUICK_SEC = 0.2
"""The first retry after a connection that had lasted: most losses are over at once."""
STEADY_SEC = 10.0
"""A connection that lasted this long starts the series anew; a shorter one does not: no flapping camera is hammered."""


class Backoff:
    """Quick, then `least` seconds, doubling up to `most`.

    Each has up to a fifth of jitter, so that a school's cameras do not return in one instant.  `random` gives floats
    in [0, 1).
    """

    def __init__(self, least: float, most: float, random: Callable[[], float]) -> None:
        self._least = least
        self._most = most
        self._random = random
        self._failures = 0

    def failed(self, online_sec: float) -> float:
        """A connection failed or was lost after `online_sec` seconds (0: it never came up); seconds to wait."""
        if online_sec >= STEADY_SEC:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            return QUICK_SEC * (1 + self._random())
        doublings = min(self._failures - 2, 30)
        return min(self._most, self._least * float(2**doublings)) * (1 - 0.2 * self._random())
