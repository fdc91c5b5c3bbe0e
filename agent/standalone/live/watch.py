"""When an agent is asked to push a channel, again, and to stop. No I/O; times are monotonic seconds."""

from __future__ import annotations

from typing import Literal

LEASE_SEC = 40
RENEW_SEC = 12.0
RETRY_SEC = 3.0
LOST_SEC = 1.0
IDLE_SEC = 20.0
"""So long the push goes on after the last viewer went: who reloads a page waits for nothing."""

Step = Literal["start", "stop"]


class Watch:
    """Who looks at one channel, and what its agent was asked.

    A page is a viewer also while it has no connection: it says that it is there (`beat`), every 12 s.
    """

    def __init__(self) -> None:
        self._seen_at: float | None = None
        self._ask_at = 0.0
        self._asked = False

    def beat(self, now: float) -> None:
        """Somebody looks."""
        self._seen_at = now

    def lost(self, now: float) -> None:
        """The picture is gone: the agent is asked soon why."""
        self._ask_at = min(self._ask_at, now + LOST_SEC)

    def wanted(self, now: float) -> bool:
        """Whether the channel is to be pushed."""
        return self._seen_at is not None and now - self._seen_at < IDLE_SEC

    def step(self, viewers: int, now: float) -> Step | None:
        """What the agent is to be asked now."""
        if viewers:
            self.beat(now)
        if self.wanted(now):
            return "start" if now >= self._ask_at else None
        return "stop" if self._asked else None

    def answered(self, step: Step, done: bool, now: float) -> None:
        """How the agent answered."""
        self._asked = step == "start"
        self._ask_at = now + (RENEW_SEC if done else RETRY_SEC) if step == "start" else now

    def wait(self, now: float) -> float:
        """Seconds until `step` may have another answer, as long as nobody comes or goes."""
        if self._seen_at is None:
            return RENEW_SEC
        if self.wanted(now):
            return max(0.05, min(self._ask_at - now, self._seen_at + IDLE_SEC - now))
        return RENEW_SEC
