"""Session descriptions (RFC 4566) as cameras write them: what is announced, in which codec, under which address."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

_STATIC = {  # RFC 3551, 6
    0: ("PCMU", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    10: ("L16", 44100, 2),
    11: ("L16", 44100, 1),
    14: ("MPA", 90000, 1),
    26: ("JPEG", 90000, 1),
    32: ("MPV", 90000, 1),
    33: ("MP2T", 90000, 1),
}


@dataclass(slots=True)
class Media:
    """One `m=` section. `encoding` is the name of RFC 3551 or of the payload's own RFC, in capitals; `clock` in Hz.

    `fmtp` has its names in lower case; `size` is the picture's where it is told.  `sendonly`: what a camera plays,
    not what it hears (ONVIF's back channel).
    """

    kind: str
    protocol: str
    payload_type: int
    encoding: str = ""
    clock: int = 0
    channels: int = 1
    fmtp: dict[str, str] = field(default_factory=dict)
    control: str = ""
    sendonly: bool = False
    frame_rate: float = 0.0
    size: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Description:
    """What DESCRIBE told: the address that stands for all of it, and its parts in their order."""

    control: str = ""
    media: list[Media] = field(default_factory=list)


def parse(body: bytes) -> Description:
    """Read what can be read; lines that make no sense are passed over."""
    description = Description()
    media: Media | None = None
    for line in body.decode("utf-8", "replace").replace("\r", "\n").split("\n"):
        kind, equals, value = line.strip().partition("=")
        if not equals:
            continue
        if kind == "m":
            media = _media(value)
            if media is not None:
                description.media.append(media)
        elif kind == "a":
            name, _, rest = value.partition(":")
            if media is None:
                if name == "control" and not description.media:
                    description.control = rest.strip()
            else:
                _attribute(media, name.strip().lower(), rest.strip())
    return description


def joined(base: str, control: str) -> str:
    """The address of `control` under `base`, as cameras mean it: appended, behind a query as well.

    RFC 2326, C.1.1 asks for RFC 1808's rules, which drop the last part of a base without a slash at its end; the
    cameras that leave out the slash expect it to stay.
    """
    if not control or control == "*":
        return base
    if control.lower().startswith(("rtsp://", "rtsps://", "rtspu://")):
        return control
    return base.rstrip("/") + "/" + control.lstrip("/")


def base_of(requested: str, content_base: str, content_location: str) -> str:
    """What controls are relative to: what the camera says where that is an RTSP address, else what was asked for."""
    for said in (content_base, content_location):
        said = said.strip().strip('"')  # noqa: PLW2901 - the same address without its wrapping
        try:
            parts = urlsplit(said)
        except ValueError:
            continue
        if parts.scheme in ("rtsp", "rtsps") and parts.hostname:
            return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return requested


def _media(value: str) -> Media | None:
    words = value.split()
    if len(words) < 4:
        return None
    payload_type = _number(words[3])
    if payload_type is None or payload_type > 127:
        payload_type = -1
    encoding, clock, channels = _STATIC.get(payload_type, ("", 0, 1))
    return Media(words[0].lower(), words[2].upper(), payload_type, encoding, clock, channels)


def _attribute(media: Media, name: str, value: str) -> None:
    if name == "control":
        media.control = value
    elif name == "sendonly":
        media.sendonly = True
    elif name == "framerate":
        media.frame_rate = _decimal(value)
    elif name == "x-dimensions":  # GStreamer, for JPEG
        media.size = _size(value, ",")
    elif name == "framesize":  # 3GPP TS 26.234, 5.3.3.3
        media.size = _size(value.partition(" ")[2], "-")
    elif name in ("rtpmap", "fmtp"):
        number, _, rest = value.partition(" ")
        if _number(number) != media.payload_type:
            return
        if name == "rtpmap":
            _map(media, rest.strip())
        else:
            media.fmtp |= _parameters(rest)


def _map(media: Media, value: str) -> None:
    parts = value.split("/")
    media.encoding = parts[0].strip().upper()
    media.clock = (_number(parts[1]) if len(parts) > 1 else None) or media.clock
    media.channels = (_number(parts[2]) if len(parts) > 2 else None) or 1


def _parameters(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(";"):
        name, equals, value = part.strip().partition("=")
        if name:
            found[name.strip().lower()] = value.strip() if equals else ""
    return found


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _size(text: str, between: str) -> tuple[int, int]:
    width, _, height = text.partition(between)
    return _number(width) or 0, _number(height) or 0


def _decimal(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 < value < 1000 else 0.0
