"""A rate limit shared by all uploads. No I/O: it says how long to wait."""

from __future__ import annotations

from agent.clock import Clock


class Pace:
    """Bytes a second, with a second's worth of burst; 0 means no limit.

    `limit` sets another limit beside it for a while, and the lower one counts: uploads can wait, a viewer cannot.
    """

    def __init__(self, bytes_per_sec: float, clock: Clock) -> None:
        self._rate = bytes_per_sec
        self._own_rate = bytes_per_sec
        self._clock = clock
        self._free_at = clock.monotonic()

    def limit(self, bytes_per_sec: float) -> None:
        """From now on not faster than this either; 0: no such limit any more."""
        self._rate = min((rate for rate in (self._own_rate, bytes_per_sec) if rate > 0), default=0.0)

    def own(self, bytes_per_sec: float) -> None:
        """The limit itself is another one from now on; `limit` is to be said again."""
        self._rate = self._own_rate = bytes_per_sec

    def wait_for(self, size: int) -> float:
        """Seconds to wait before these bytes may go."""
        if self._rate <= 0:
            return 0.0
        now = self._clock.monotonic()
        self._free_at = max(self._free_at, now - 1.0) + size / self._rate
        return max(0.0, self._free_at - now)
