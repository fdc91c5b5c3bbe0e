"""How long to wait before trying again. No I/O; the jitter's source is given.

`recorder.stream.backoff` is another one for good reasons: a camera is tried again at once after a connection that had
lasted, and whether it had is told by its length; and the recorder imports nothing of the agent.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Doubling waits from `first` to `most` seconds, each shortened by up to half at random, so that a school's
    agents do not come back in step."""

    first: float = 1.0
    most: float = 30.0
    jitter: Callable[[], float] = random.random
    failures: int = field(default=0, init=False)

    def next(self) -> float:
        """Another failure: seconds to wait now."""
        wait = min(self.most, self.first * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return wait * (1.0 - 0.5 * self.jitter())

    def reset(self) -> None:
        """It worked."""
        self.failures = 0
