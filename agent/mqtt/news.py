"""What just happened, as messages for the broker: in order, at least once, none lost over a short absence. No I/O.

A notice of a lost lesson must not fall into the second in which the broker restarts. What waits is bounded; how many
were too many is told with the next one.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from agent.mqtt.messages import as_text, moment
from agent.status import Happening

WAITING = 100
EVENT_TYPES = ("alarm_raised", "alarm_cleared", "gap", "recording_began", "recording_ended")
"""Home Assistant refuses any event whose type was not announced."""


class News:
    """The events that wait for the broker, oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[dict[str, Any]] = deque()
        self._missed = 0

    def take(self, happening: Happening, now: float) -> bool:
        """Keep it if it is of interest; `now` in Unix seconds. Whether it was."""
        kind = event_type(happening)
        if kind is None:
            return False
        about = {"event_type": kind, "at": moment(now), "camera_id": happening.camera_id, "text": happening.text}
        # `event` is the word of the relay's protocol for it.
        self._waiting.append({"event": happening.kind, **happening.data, **about})
        while len(self._waiting) > WAITING:
            self._waiting.popleft()
            self._missed += 1
        return True

    def next(self) -> str | None:
        """The message of the oldest, None where none waits. It waits on until `told`."""
        if not self._waiting:
            return None
        missed = {"missed_before": self._missed} if self._missed else {}
        return as_text(self._waiting[0] | missed)

    def told(self, message: str) -> None:
        """The broker has it. One that has been pushed out meanwhile counts as missed, though it was told after all."""
        if self._waiting and message == self.next():
            self._waiting.popleft()
            self._missed = 0


def event_type(happening: Happening) -> str | None:
    """One of `EVENT_TYPES`; None for what is no event: numbers that change are states."""
    match happening.kind:
        case "disk":  # told when all is well again
            return "alarm_cleared"
        case "alarm":
            return "alarm_cleared" if happening.data.get("state") == "cleared" else "alarm_raised"
        case "gap":
            return "gap"
        case "recording":
            return "recording_ended" if happening.data.get("ended") else "recording_began"
    return None
