"""What a channel needs of a device: its two streams with their rates, its picture's text, where its stills are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from agent.onvif import soap
from agent.onvif.device import CallFailed, Device
from agent.onvif.messages import Question, Streams
from agent.onvif.profiles import BadAddress, Profile, address, choose
from agent.onvif.soap import DEVICE, MEDIA, MEDIA2, SCHEMA, element

_RTSP = (
    "<StreamSetup><tt:Stream>RTP-Unicast</tt:Stream>"
    "<tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></StreamSetup>"
)
_CLOCK = (
    '<OSD token=""><tt:VideoSourceConfigurationToken>{source}</tt:VideoSourceConfigurationToken><tt:Type>Text</tt:Type>'
    "<tt:Position><tt:Type>UpperLeft</tt:Type></tt:Position><tt:TextString><tt:Type>DateAndTime</tt:Type>"
    "</tt:TextString></OSD>"
)


@dataclass(frozen=True, slots=True)
class Offered:
    """A profile as the device described it: what decides, its encoder's settings as they came, its video source."""

    profile: Profile
    encoder: ET.Element
    source: str


def find_streams(device: Device, question: Question) -> Streams:
    """Addresses and settings. Raises `CallFailed` where the device does not tell the main stream."""
    model = device.call(DEVICE, "GetDeviceInformation")
    media, offered = profiles_of(device)
    main, sub = choose([one.profile for one in offered.values()])
    warnings: list[str] = []
    if not question.twice:
        sub = None
    elif sub is None:
        warnings.append(f"{device.shown}: the device has one stream only; it is recorded and shown")
    if question.ask != "look":
        settings = _Settings(device, media, warnings)
        if question.twice:
            settings.rate(offered[main.token], question.main_rate, "main")
            if sub is not None:
                settings.rate(offered[sub.token], question.sub_rate, "sub")
        settings.osd(offered[main.token].source, question.osd)
        if question.mirror:
            warnings.append(
                f"{device.shown}: ONVIF cannot mirror the picture; switch it on in the camera's own settings"
            )
    return Streams(
        main=_uri(device, media, main, question.host),
        sub=_uri(device, media, sub, question.host) if sub is not None else "",
        snapshot=_snapshot(device, media, main, question.host),
        model=" ".join(filter(None, (soap.text(model, "Manufacturer"), soap.text(model, "Model")))),
        encoding=main.encoding,
        ahead_sec=round(device.ahead_sec, 1),
        warnings=tuple(warnings),
    )


def profiles_of(device: Device) -> tuple[str, dict[str, Offered]]:
    """The media service that was asked, and its profiles with a picture by token, in the device's order."""
    media = device.media
    if media == MEDIA2:
        try:
            wanted = "".join(element("Type", kind) for kind in ("VideoSource", "VideoEncoder", "PTZ"))
            found = _offered(device.call(media, "GetProfiles", wanted))
        except CallFailed as error:
            if error.cause != "unusable" or not device.has(MEDIA):
                raise
            found = {}
        if found or not device.has(MEDIA):
            return media, _at_least_one(device, found)
        device.forget(MEDIA2)
    return MEDIA, _at_least_one(device, _offered(device.call(MEDIA, "GetProfiles")))


def _at_least_one(device: Device, found: dict[str, Offered]) -> dict[str, Offered]:
    if not found:
        raise CallFailed("unusable", f"{device.shown}: GetProfiles: the device has no profile with a picture")
    return found


def _offered(listed: ET.Element) -> dict[str, Offered]:
    """Media1 has the configurations in the profile, Media2 in one element of it and under shorter names."""
    found = {}
    for one in listed:
        inner = next(soap.inside(one, "Configurations"), one)
        encoder = _one_of(inner, "VideoEncoder", "VideoEncoderConfiguration")
        source = _one_of(inner, "VideoSource", "VideoSourceConfiguration")
        if encoder is None or source is None or not one.get("token"):
            continue
        width, height = (soap.number(encoder, "Resolution", name) for name in ("Width", "Height"))
        if not width or not height:
            continue
        token = one.get("token", "")
        ptz = _one_of(inner, "PTZ", "PTZConfiguration") is not None
        profile = Profile(
            token,
            soap.text(source, "SourceToken"),
            encoder.get("token", token),
            soap.text(encoder, "Encoding"),
            width,
            height,
            turns=ptz,
        )
        found[token] = Offered(profile, encoder, source.get("token", ""))
    return found


def _one_of(parent: ET.Element, *names: str) -> ET.Element | None:
    return next((child for child in parent if soap.tag(child) in names), None)


def _uri(device: Device, media: str, profile: Profile, host: str) -> str:
    token = element("ProfileToken", profile.token)
    body = element("Protocol", "RTSP") + token if media == MEDIA2 else _RTSP + token
    told = device.call(media, "GetStreamUri", body)
    try:
        return address(soap.text(told, "Uri") or soap.text(told, "MediaUri", "Uri"), host)
    except BadAddress as error:
        raise CallFailed("unusable", f"{device.shown}: GetStreamUri: {error}") from error


def _snapshot(device: Device, media: str, profile: Profile, host: str) -> str:
    """Empty where the device has none: nothing hangs on it."""
    try:
        told = device.call(media, "GetSnapshotUri", element("ProfileToken", profile.token))
        return address(soap.text(told, "Uri") or soap.text(told, "MediaUri", "Uri"), host, ("http", "https"))
    except (CallFailed, BadAddress):
        return ""


class _Settings:
    """What the server wants set. A setting that the device refuses never costs the stream."""

    def __init__(self, device: Device, media: str, warnings: list[str]) -> None:
        self._device, self._media, self._warnings = device, media, warnings

    def rate(self, offered: Offered, kbit: int, which: str) -> None:
        """The encoder's settings go back as they came, with another rate: whatever else a brand keeps there stays."""
        before = soap.number(offered.encoder, "RateControl", "BitrateLimit")
        if not kbit or not before or before == kbit:
            return

        def change() -> None:
            wanted = ET.fromstring(ET.tostring(offered.encoder))  # noqa: S314 - our own copy
            for limit in soap.inside(wanted, "RateControl", "BitrateLimit"):
                limit.text = str(kbit)
            wanted.tag = f"{{{self._media}}}Configuration"
            body = ET.tostring(wanted, encoding="unicode")
            body += "" if self._media == MEDIA2 else element("ForcePersistence", "true")
            self._device.call(self._media, "SetVideoEncoderConfiguration", body)
            _, offers = profiles_of(self._device)
            took = soap.number(offers[offered.profile.token].encoder, "RateControl", "BitrateLimit")
            if took not in (kbit, 0):
                self._warnings.append(
                    f"{self._device.shown}: the {which} stream is at {took} kbit/s: the device takes no {kbit}"
                )

        self._try(change, f"the {which} stream stays at {before} kbit/s instead of {kbit}")

    def osd(self, source: str, wanted: bool) -> None:
        """The clock in the picture, or nothing in it."""

        def change() -> None:
            listed = self._device.call(self._media, "GetOSDs", element("ConfigurationToken", source))
            shown = [one.get("token", "") for one in listed if soap.tag(one) == "OSDs"]
            if wanted and not shown:
                self._device.call(self._media, "CreateOSD", _CLOCK.format(source=source))
            for token in () if wanted else shown:
                self._device.call(self._media, "DeleteOSD", element("OSDToken", token))

        self._try(change, f"the text in the picture cannot be switched {'on' if wanted else 'off'}")

    def _try(self, work: Callable[[], None], otherwise: str) -> None:
        try:
            work()
        except (CallFailed, KeyError) as error:
            self._warnings.append(f"{otherwise} ({error})")


ET.register_namespace("tt", SCHEMA)
