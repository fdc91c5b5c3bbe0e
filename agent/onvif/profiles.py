"""Which of a device's profiles is recorded, and which is shown. Plain functions over plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

SHOWN_WIDTH = 1280
"""A sub stream is for live pictures over an uplink: nothing wider, if the device has a choice."""


class BadAddress(ValueError):
    """The device names an address that is none."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A media profile with a picture. `source` is its video source, `encoder` its encoder configuration; `turns`:
    the camera turns in it.
    """

    token: str
    source: str
    encoder: str
    encoding: str
    width: int
    height: int
    turns: bool = False

    @property
    def area(self) -> int:
        """Pixels of a picture."""
        return self.width * self.height


def choose(profiles: Sequence[Profile]) -> tuple[Profile, Profile | None]:
    """The profile to record: the largest picture; and one to show: another encoder of the same video source, H.264
    before others (browsers play it), the largest that is not wider than `SHOWN_WIDTH`, else the smallest.

    Among equals the device's order counts.  `profiles` must not be empty.
    """
    main = max(profiles, key=lambda one: one.area)
    others = [one for one in profiles if one.source == main.source and one.encoder != main.encoder]
    if not others:
        return main, None
    for candidates in ([one for one in others if one.encoding == "H264"], others):
        narrow = [one for one in candidates if one.width <= SHOWN_WIDTH]
        if narrow:
            return main, max(narrow, key=lambda one: one.area)
    return main, min(others, key=lambda one: one.area)


def address(uri: str, host: str, schemes: tuple[str, ...] = ("rtsp", "rtsps")) -> str:
    """The address a device gave, at the host that its owner has configured, without user and password.

    A device behind a router names its inner address, and one that is not to be trusted may name anybody's: packets
    come from the configured host or not at all.  Raises `BadAddress`.
    """
    try:
        parts = urlsplit(uri.strip())
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"{uri[:80]!r} is no address") from error
    if parts.scheme not in schemes or not parts.hostname:
        raise BadAddress(f"{uri[:80]!r} is no {schemes[0]}:// address")
    shown = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=shown if port is None else f"{shown}:{port}").geturl()
