"""What goes wrong between an RTSP camera and this reader."""

from __future__ import annotations

from recorder.errors import SourceError


class NotOurs(SourceError):
    """The camera speaks in a way that this reader does not understand; FFmpeg's may."""

    def __init__(self, message: str) -> None:
        super().__init__("unusable", message)


class Refused(Exception):
    """The camera answered a request with an error. `status` is that of RFC 2326, 7.1.1."""

    def __init__(self, method: str, status: int, reason: str) -> None:
        super().__init__(f"{method} was answered with {status} {reason}".rstrip())
        self.status = status


class Redirected(Exception):
    """The camera sends us to another address."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url
