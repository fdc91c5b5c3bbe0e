"""What goes on being wrong is told once, and again after an hour: a hundred cameras that are away must not bury the one
line that matters. No I/O; time comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

AGAIN_SEC = 3600.0


class Reminders:
    """By what it is about, the words last told and when. `monotonic` gives seconds that never step."""

    def __init__(self, monotonic: Callable[[], float], again_sec: float = AGAIN_SEC) -> None:
        self._monotonic, self._again_sec = monotonic, again_sec
        self._told: dict[Hashable, tuple[Hashable, float]] = {}

    def is_news(self, about: Hashable, words: Hashable) -> bool:
        """Whether this has to be told: other words than the last ones, or the same after an hour."""
        now = self._monotonic()
        before = self._told.get(about)
        if before is not None and before[0] == words and now < before[1] + self._again_sec:
            return False
        self._told[about] = (words, now)
        return True

    def knows(self, about: Hashable) -> bool:
        """Whether something was told of it that is not over."""
        return about in self._told

    def over(self, about: Hashable) -> bool:
        """It is well again: the next trouble is news, whatever its words. Whether there had been any."""
        return self._told.pop(about, None) is not None
