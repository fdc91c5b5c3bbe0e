"""Why a live push ended."""

from __future__ import annotations

from recorder.errors import RecorderError
from recorder.specs import LiveCause


class PushEnded(RecorderError):
    """The push is over; `cause` says why in one word, the message is for people and holds no secret."""

    def __init__(self, cause: LiveCause, message: str) -> None:
        super().__init__(message)
        self.cause: LiveCause = cause
