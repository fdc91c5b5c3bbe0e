"""When the storage as a whole is away: one file at a time asks, instead of thousands, until one arrives. No I/O."""

from __future__ import annotations

from agent.backoff import Backoff
from agent.clock import Clock

FILES = 3
"""So many different files in a row have to fail: one or two may be at fault themselves."""


class Outage:
    """Counts files that found the storage away. While there is an outage one file goes at a time, with a back-off
    between them.
    """

    def __init__(self, clock: Clock) -> None:
        self.until = 0.0
        """Monotonic seconds before which nobody asks."""
        self._clock = clock
        self._backoff = Backoff()
        self._failed: set[str] = set()

    @property
    def on(self) -> bool:
        """Whether the storage is taken for away."""
        return len(self._failed) >= FILES

    def failed(self, name: str, rest_sec: float = 0.0) -> None:
        """This file found it away."""
        if not self.on:
            self._failed.add(name)
        if self.on:
            self.until = self._clock.monotonic() + max(rest_sec, self._backoff.next())

    def over(self) -> bool:
        """A file has arrived, or somebody wants to go on; whether there was an outage."""
        was_on = self.on
        self._failed.clear()
        self._backoff.reset()
        self.until = 0.0
        return was_on

    def at_most(self, parallel: int) -> int:
        """Files that may be on their way now."""
        if not self.on:
            return parallel
        return 1 if self._clock.monotonic() >= self.until else 0
