"""How long a channel is pushed, where to, and when a lost push is tried again. No I/O; times are monotonic seconds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from recorder.specs import LiveCause

RETRY_SEC = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Each is shortened by up to half at random: all rooms of a school lose their media server in the same instant."""
STEADY_SEC = 10.0
"""A push that lasted this long was a good one: the waits begin anew."""
_NO_FAULT_OF_THE_SERVER = ("changed", "no_picture")
_UNTIL_SOMEBODY_MENDS_IT = ("refused", "tls", "unusable", "refused_url")
AWAY_SEC = 10.0
"""A server that is away comes back by itself, and viewers look at a black picture until it is tried again."""


@dataclass(slots=True)
class Lease:
    """A wish to push a channel to `push_url` that ends by itself at `until` unless it is renewed."""

    push_url: str
    until: float
    failures: int = 0
    try_at: float = 0.0
    """The next attempt is not made before."""
    jitter: Callable[[], float] = random.random

    def holds(self, now: float) -> bool:
        """Whether the channel is to be pushed."""
        return now < self.until

    def renew(self, push_url: str, lease_sec: float, now: float) -> bool:
        """Somebody still watches, from now on for `lease_sec`, perhaps by another server; whether it is another one,
        which is tried at once.
        """
        moved, self.push_url = push_url != self.push_url, push_url
        self.until = now + lease_sec
        if moved:
            self.failures, self.try_at = 0, now
        return moved

    def end(self) -> None:
        """Nobody watches any more."""
        self.until = 0.0

    def lost(self, cause: LiveCause, live_sec: float, now: float) -> float:
        """An attempt ended after it had been live for so long (0: it never was); seconds until the next one."""
        if live_sec >= STEADY_SEC:
            self.failures = 0
        if cause in _NO_FAULT_OF_THE_SERVER:
            # The picture comes by another stream or by another recorder: viewers wait for it.
            wait = 0.0 if cause == "changed" and live_sec >= 1.0 else RETRY_SEC[0]
        else:
            self.failures += 1
            most = RETRY_SEC[-1] if cause in _UNTIL_SOMEBODY_MENDS_IT else AWAY_SEC
            wait = min(most, RETRY_SEC[min(self.failures, len(RETRY_SEC)) - 1]) * (1.0 - 0.5 * self.jitter())
        self.try_at = now + wait
        return wait
