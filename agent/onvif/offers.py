"""The profiles that a device offers, over whichever media service it has."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from agent.onvif import soap
from agent.onvif.device import CallFailed, Device
from agent.onvif.profiles import Profile, encoding
from agent.onvif.soap import MEDIA, MEDIA2, element

_NOTHING = ET.Element("none")
_ASKED = (("VideoSource", "VideoEncoder", "PTZ"), ("All",))
"""What of the profiles is asked for over Media2: there are devices that know the second word only."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A profile as the device described it: what decides, its encoder's settings as they came, its video source."""

    profile: Profile
    encoder: ET.Element
    source: str


def profiles_of(device: Device) -> tuple[str, dict[str, Offered]]:
    """The media service that was asked, and its profiles with a picture by token, in the device's order.

    Where none says what its picture is, all of them: the first of a camera is its main stream. Raises `CallFailed`.
    """
    media = device.media
    if media == MEDIA2:
        found: dict[str, Offered] = {}
        for kinds in _ASKED:
            try:
                listed = device.call(media, "GetProfiles", "".join(element("Type", kind) for kind in kinds))
                found = _offered(listed)
            except CallFailed as error:
                if error.cause != "unusable" or not device.has(MEDIA):
                    raise
            if found:
                return media, found
        if not device.has(MEDIA):
            return media, _at_least_one(device, _offered(listed, bare=True))
        device.forget(MEDIA2)
    listed = device.call(MEDIA, "GetProfiles")
    return MEDIA, _offered(listed) or _at_least_one(device, _offered(listed, bare=True))


def _at_least_one(device: Device, found: dict[str, Offered]) -> dict[str, Offered]:
    if not found:
        raise CallFailed("unusable", f"{device.shown}: GetProfiles: the device has no profile with a picture")
    return found


def _offered(listed: ET.Element, *, bare: bool = False) -> dict[str, Offered]:
    """Media1 has the configurations in the profile, Media2 in one element of it and under shorter names.

    `bare`: also those that say nothing of their picture.
    """
    found = {}
    for one in listed:
        inner = next(soap.inside(one, "Configurations"), one)
        encoder = _one_of(inner, "VideoEncoder", "VideoEncoderConfiguration")
        source = _one_of(inner, "VideoSource", "VideoSourceConfiguration")
        token = one.get("token", "")
        width, height = (soap.number(encoder, "Resolution", name) for name in ("Width", "Height"))
        if not token or (not bare and not (width and height)):
            continue
        profile = Profile(
            token,
            soap.text(source, "SourceToken"),
            encoder.get("token", token),
            encoding(soap.text(encoder, "Encoding")),
            width,
            height,
            turns=_one_of(inner, "PTZ", "PTZConfiguration") is not _NOTHING,
        )
        found[token] = Offered(profile, encoder, source.get("token", ""))
    return found


def _one_of(parent: ET.Element, *names: str) -> ET.Element:
    return next((child for child in parent if soap.tag(child) in names), _NOTHING)
