"""Which of a device's profiles is recorded, and which is shown. Plain functions over plain values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

SHOWN_WIDTH = 1280
"""A sub stream is for live pictures over an uplink: nothing wider, if the device has a choice."""
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:[^/@]*@)?(?P<host>[^/?#]*?)(?::(?P<port>\d{1,5}))?(?P<path>[/?].*)?"
)
_AS_IT_IS = "%/?:=&~+!$,;'@()*#[]|{}"


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

    @property
    def worth(self) -> float:
        """By what it is preferred. Many cameras have a motion JPEG profile beside that of H.264, as large and many
        times as heavy; what is not recorded at all (MPEG-4) is below everything.
        """
        if self.encoding in ("H264", "H265", "AV1", ""):
            return self.area
        return self.area / 4 if self.encoding == "JPEG" else -1.0 / (1 + self.area)

    def shares_encoder(self, other: Profile) -> bool:
        """Whether both show the same stream; some devices call all their encoders the same."""
        return (self.encoder, self.area, self.encoding) == (other.encoder, other.area, other.encoding)


def choose(profiles: Sequence[Profile]) -> tuple[Profile, Profile | None]:
    """The profile to record: the largest picture; and one to show: another encoder of the same video source, H.264
    before others (browsers play it), the largest that is not wider than `SHOWN_WIDTH`, else the smallest.

    Among equals the device's order counts.  `profiles` must not be empty.
    """
    main = max(profiles, key=lambda one: one.worth)
    others = [
        one
        for one in profiles
        if one.source == main.source and not one.shares_encoder(main) and one.worth >= 0 and one.area <= main.area
    ]
    if not others:
        return main, None
    for candidates in ([one for one in others if one.encoding == "H264"], others):
        narrow = [one for one in candidates if one.width <= SHOWN_WIDTH]
        if narrow:
            return main, max(narrow, key=lambda one: one.worth)
    return main, min(others, key=lambda one: one.area)


def encoding(told: str) -> str:
    """A codec as ONVIF writes it: H264, H265, JPEG, ...; devices also say `h.264`, `video/H265` and `HEVC`."""
    word = told.upper().rpartition("/")[2].replace(".", "").replace("-", "")
    return {"HEVC": "H265", "AVC": "H264", "MJPEG": "JPEG"}.get(word, word)


def address(uri: str, host: str, schemes: tuple[str, ...] = ("rtsp", "rtsps"), login: str = "") -> str:
    """The address a device gave, at the host that its owner has configured, without user and password.

    A device behind a router names its inner address, and one that is not to be trusted may name anybody's: packets
    come from the configured host or not at all.  `login`: user and password as `user:password`, which devices write
    before the host as they are, with whatever characters are in them.  Raises `BadAddress`.
    """
    written = uri.strip().replace("&amp;", "&")  # some escape it twice
    if login:
        written = written.replace(f"://{login}@", "://", 1)
    found = _URI.fullmatch(written)
    if (
        found is None
        or found["scheme"].lower() not in schemes
        or not (found["host"] or found["path"])
        or not written.isprintable()
    ):
        raise BadAddress(f"{_unsaid(written)!r} is no {schemes[0]}:// address")
    shown = f"[{host}]" if ":" in host else host
    port = int(found["port"] or 0)
    where = f"{shown}:{port}" if 0 < port < 1 << 16 else shown
    return f"{found['scheme'].lower()}://{where}{quote(found['path'] or '', safe=_AS_IT_IS)}"


def _unsaid(written: str) -> str:
    """An address for a message, without what may be a password."""
    scheme, _, rest = written[:200].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"[:80] if rest else scheme[:80]
