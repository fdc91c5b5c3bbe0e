"""What a channel needs of a device: its two streams with their rates, its picture's text, where its stills are."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from agent.onvif import soap
from agent.onvif.device import CallFailed, Device
from agent.onvif.messages import Question, Streams
from agent.onvif.offers import profiles_of
from agent.onvif.profiles import BadAddress, Profile, address, choose
from agent.onvif.settings import Settings
from agent.onvif.soap import DEVICE, MEDIA2, element

_RTSP = (
    "<StreamSetup><tt:Stream>RTP-Unicast</tt:Stream>"
    "<tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></StreamSetup>"
)


def find_streams(device: Device, question: Question) -> Streams:
    """Addresses and settings. Raises `CallFailed` where the device does not tell the main stream."""
    model = _model(device)
    media, offered = profiles_of(device)
    main, sub = choose([one.profile for one in offered.values()])
    settings = Settings(device, media, question.settled)
    if not question.twice:
        sub = None
    elif sub is None:
        settings.warnings.append(f"{device.shown}: the device has one stream only; it is recorded and shown")
    if question.ask != "look":
        if question.twice:
            settings.rate(offered[main.token], question.main_rate, "main")
            if sub is not None:
                settings.rate(offered[sub.token], question.sub_rate, "sub")
        settings.osd(offered[main.token].source, question.osd)
        if question.mirror:
            settings.warnings.append(
                f"{device.shown}: ONVIF cannot mirror the picture; switch it on in the camera's own settings"
            )
    return Streams(
        main=_uri(device, media, main, question),
        sub=_uri(device, media, sub, question) if sub is not None else "",
        snapshot=_snapshot(device, media, main, question),
        model=model,
        encoding=main.encoding,
        ahead_sec=round(device.ahead_sec, 1),
        warnings=tuple(settings.warnings),
        rates=settings.rates,
    )


def _model(device: Device) -> str:
    """Maker and model; empty where the device keeps them to itself: nothing hangs on them."""
    try:
        told = device.call(DEVICE, "GetDeviceInformation")
    except CallFailed as error:
        if error.cause != "unusable":
            raise
        return ""
    return " ".join(filter(None, (soap.text(told, "Manufacturer"), soap.text(told, "Model"))))[:200]


def _uri(device: Device, media: str, profile: Profile, question: Question) -> str:
    told = _stream_uri(device, media, element("ProfileToken", profile.token))
    try:
        return address(_told(told), question.host, login=_login(question))
    except BadAddress as error:
        raise CallFailed("unusable", f"{device.shown}: GetStreamUri: {error}") from error


def _stream_uri(device: Device, media: str, token: str) -> ET.Element:
    """Media2 has a word for RTSP over TCP and one for that over UDP, and devices that know one of them."""
    if media != MEDIA2:
        return device.call(media, "GetStreamUri", _RTSP + token)
    try:
        return device.call(media, "GetStreamUri", element("Protocol", "RTSP") + token)
    except CallFailed as error:
        if error.cause != "unusable":
            raise
        return device.call(media, "GetStreamUri", element("Protocol", "RtspUnicast") + token)


def _snapshot(device: Device, media: str, profile: Profile, question: Question) -> str:
    """Empty where the device has none: nothing hangs on it."""
    try:
        told = device.call(media, "GetSnapshotUri", element("ProfileToken", profile.token))
        return address(_told(told), question.host, ("http", "https"), _login(question))
    except (CallFailed, BadAddress):
        return ""


def _told(answer: ET.Element) -> str:
    return soap.text(answer, "Uri") or soap.text(answer, "MediaUri", "Uri")


def _login(question: Question) -> str:
    return f"{question.user}:{question.password.get_secret_value()}" if question.user else ""
