"""Why a network source failed, in one of the recorder's words.

The type of libav's error is not the cause: a silent RTSP server ends in "invalid data", an unknown host in
"input/output error", a time-out in the middle of a stream in an ordinary end of file.  What counts is how far things
had come and how long they had been silent.
"""

from __future__ import annotations

import errno

import av

from recorder.errors import SourceError
from recorder.source.urls import Address
from recorder.specs import Cause

_ROUTE = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
_BROKEN = {errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE}


def while_connecting(address: Address, error: OSError) -> SourceError:
    """The name did not resolve, or no TCP connection came about."""
    if isinstance(error, TimeoutError):
        return SourceError("unreachable", f"{address.shown}: {address.host} does not answer on port {address.port}")
    if error.errno == errno.ECONNREFUSED:
        return SourceError("unreachable", f"{address.shown}: port {address.port} of {address.host} is closed")
    return SourceError("unreachable", f"{address.shown}: {address.host} cannot be reached ({error.strerror or error})")


def while_opening(address: Address, error: Exception, out_of_time: bool) -> SourceError:
    """The camera was reached, but no stream came about; `out_of_time` when the connect limit cut it off."""
    cause, words = _opening(error, out_of_time)
    return SourceError(cause, f"{address.shown}: {words} ({address.redact(_first_line(error))})")


def while_reading(address: Address, error: Exception | None, stall_sec: float, stalled: bool) -> SourceError:
    """A stream that played has no next packet; `error` None stands for an orderly end.

    `stall_sec` is the stall limit, `stalled` whether it cut the last read off.
    """
    if stalled or isinstance(error, TimeoutError):
        return SourceError("stalled", f"{address.shown}: no packet for {stall_sec:g} s")
    if error is None or isinstance(error, EOFError):
        return SourceError("ended", f"{address.shown}: the camera closed the stream")
    return SourceError("ended", f"{address.shown}: the stream broke off ({address.redact(_first_line(error))})")


def _opening(error: Exception, out_of_time: bool) -> tuple[Cause, str]:
    number = getattr(error, "errno", None)
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return "unauthorized", "the camera refuses user or password"
    if isinstance(error, av.error.HTTPNotFoundError):
        return "not_found", "the camera knows no such stream"
    if number in _ROUTE:
        return "unreachable", "the camera cannot be reached"
    if out_of_time or isinstance(error, TimeoutError | av.error.ExitError):
        return "timeout", "connected, but no stream came in time"
    if number in _BROKEN or isinstance(error, EOFError):
        return "ended", "the camera closed the connection instead of sending a stream"
    return "unusable", "the answer is no stream that can be recorded"


def _first_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, av.FFmpegError) and error.strerror else str(error)
    return text.strip().split("\n")[0][:200]
