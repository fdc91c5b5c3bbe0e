"""Exit codes, after BSD's sysexits(3); `status` has its own below 3, as monitoring expects."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the process ends with."""

    OK = 0
    DEGRADED = 1  # recording works, something else does not; an order was not carried out
    NOT_RECORDING = (
        2  # a recording is due and nothing arrives; recordings are damaged or missing; doctor: it cannot work
    )
    USAGE = 64
    UNAVAILABLE = 69  # not running; an address that cannot be taken
    INTERNAL = 70
    CANNOT_CREATE = 73
    TRY_AGAIN = 75  # another instance holds the state folder
    NO_PERMISSION = 77
    CONFIG = 78
    INTERRUPTED = 130


class Stop(Exception):
    """Ends a command with a code and one sentence for the person at the keyboard."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code
