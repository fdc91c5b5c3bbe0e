"""An ONVIF device: device and media service over SOAP, WS-Security digests checked against its own clock, and faults.

What real ones answer when something is wrong: HTTP 400 with `ter:NotAuthorized`, an empty envelope, a page, nothing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from aiohttp import web
from lxml import etree

Oddity = Literal["silent", "empty", "page", "cut"]

_ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"
 xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"
 xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>{body}</s:Body></s:Envelope>"""
_OPEN = ("GetSystemDateAndTime", "GetServices", "GetCapabilities")
_FRESH = timedelta(seconds=5)


@dataclass
class Stream:
    """One profile: what it is called, the size of its picture, its bit rate in kbit/s, and where it is."""

    token: str
    width: int
    height: int
    rate: int
    uri: str
    encoding: str = "H264"
    source: str = "sensor"


@dataclass
class Device:
    """What the device is and does. `asked` holds every call; `refuses` calls that it knows and will not do."""

    streams: list[Stream]
    user: str = "admin"
    password: str = "p@ss:/#1"
    clock_off: timedelta = timedelta()
    osd: bool = True
    refuses: set[str] = field(default_factory=set)
    oddities: dict[str, Oddity] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def now(self) -> datetime:
        """What the device's clock shows."""
        return datetime.now(UTC) + self.clock_off

    async def answer(self, request: web.Request) -> web.StreamResponse:
        root = etree.fromstring(await request.read())
        call = root.find("{*}Body")[0]
        name = etree.QName(call).localname
        self.asked.append(name)
        match self.oddities.get(name):
            case "silent":
                await asyncio.sleep(3600)
            case "empty":
                return _soap("")
            case "page":
                return web.Response(text="<html><body>Welcome", content_type="text/html")
            case "cut":
                assert request.transport is not None
                request.transport.abort()
        if name not in _OPEN and not self._knows(root):
            return _fault("ter:NotAuthorized", "Sender not Authorized")
        if name in self.refuses:
            return _fault("ter:ActionNotSupported", "Optional Action Not Implemented")
        return _soap(getattr(self, "_" + re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower())(call))

    def _knows(self, root: Any) -> bool:
        token = root.find(".//{*}UsernameToken")
        if token is None or token.findtext("{*}Username") != self.user:
            return False
        created = token.findtext("{*}Created")
        digest = hashlib.sha1(base64.b64decode(token.findtext("{*}Nonce")) + (created + self.password).encode())
        fresh = abs(datetime.fromisoformat(created) - self.now) < _FRESH
        return fresh and token.findtext("{*}Password") == base64.b64encode(digest.digest()).decode()

    def _get_system_date_and_time(self, _: Any) -> str:
        now = self.now
        time = f"<tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        date = f"<tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
        return (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
            "<tt:DaylightSavings>false</tt:DaylightSavings>"
            f"<tt:UTCDateTime><tt:Time>{time}</tt:Time><tt:Date>{date}</tt:Date></tt:UTCDateTime>"
            "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _get_services(self, _: Any) -> str:
        # Inside addresses, as a device behind a router names them.
        services = "".join(
            f"<tds:Service><tds:Namespace>http://www.onvif.org/ver10/{kind}/wsdl</tds:Namespace>"
            f"<tds:XAddr>http://127.0.0.1:{self.port}/onvif/{path}</tds:XAddr>"
            "<tds:Version><tt:Major>2</tt:Major><tt:Minor>40</tt:Minor></tds:Version></tds:Service>"
            for kind, path in (("device", "device_service"), ("media", "media_service"))
        )
        return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"

    def _get_device_information(self, _: Any) -> str:
        return (
            "<tds:GetDeviceInformationResponse><tds:Manufacturer>Room</tds:Manufacturer><tds:Model>C-1</tds:Model>"
            "<tds:FirmwareVersion>1</tds:FirmwareVersion><tds:SerialNumber>1</tds:SerialNumber>"
            "<tds:HardwareId>1</tds:HardwareId></tds:GetDeviceInformationResponse>"
        )

    def _get_profiles(self, _: Any) -> str:
        profiles = "".join(
            f'<trt:Profiles token="{one.token}" fixed="true"><tt:Name>{one.token}</tt:Name>'
            f'<tt:VideoSourceConfiguration token="{one.source}_view"><tt:Name>v</tt:Name><tt:UseCount>2</tt:UseCount>'
            f'<tt:SourceToken>{one.source}</tt:SourceToken><tt:Bounds x="0" y="0" width="1" height="1"/>'
            "</tt:VideoSourceConfiguration>"
            f'<tt:VideoEncoderConfiguration token="{one.token}_encoder"><tt:Name>e</tt:Name>'
            f"<tt:UseCount>1</tt:UseCount><tt:Encoding>{one.encoding}</tt:Encoding>"
            f"<tt:Resolution><tt:Width>{one.width}</tt:Width><tt:Height>{one.height}</tt:Height></tt:Resolution>"
            "<tt:Quality>5</tt:Quality><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit>"
            f"<tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>{one.rate}</tt:BitrateLimit></tt:RateControl>"
            "<tt:H264><tt:GovLength>50</tt:GovLength><tt:H264Profile>Main</tt:H264Profile></tt:H264>"
            "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>239.0.0.1</tt:IPv4Address></tt:Address>"
            "<tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
            "<tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration></trt:Profiles>"
            for one in self.streams
        )
        return f"<trt:GetProfilesResponse>{profiles}</trt:GetProfilesResponse>"

    def _set_video_encoder_configuration(self, call: Any) -> str:
        configuration = call.find("{*}Configuration")
        (stream,) = [one for one in self.streams if f"{one.token}_encoder" == configuration.get("token")]
        stream.rate = int(configuration.findtext(".//{*}BitrateLimit"))
        return "<trt:SetVideoEncoderConfigurationResponse/>"

    def _get_stream_uri(self, call: Any) -> str:
        token = call.findtext("{*}ProfileToken")
        (stream,) = [one for one in self.streams if one.token == token]
        return (
            f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{stream.uri}</tt:Uri>"
            "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>"
            "<tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>"
        )

    def _get_osds(self, _: Any) -> str:
        osd = (
            '<trt:OSDs token="clock"><tt:VideoSourceConfigurationToken>sensor_view</tt:VideoSourceConfigurationToken>'
            "<tt:Type>Text</tt:Type><tt:Position><tt:Type>UpperLeft</tt:Type></tt:Position>"
            "<tt:TextString><tt:Type>DateAndTime</tt:Type></tt:TextString></trt:OSDs>"
        )
        return f"<trt:GetOSDsResponse>{osd if self.osd else ''}</trt:GetOSDsResponse>"

    def _create_osd(self, call: Any) -> str:
        assert call.findtext(".//{*}TextString/{*}Type") == "DateAndTime"
        self.osd = True
        return "<trt:CreateOSDResponse><trt:OSDToken>clock</trt:OSDToken></trt:CreateOSDResponse>"

    def _delete_osd(self, call: Any) -> str:
        assert call.findtext("{*}OSDToken") == "clock"
        self.osd = False
        return "<trt:DeleteOSDResponse/>"


def _soap(body: str, status: int = 200) -> web.Response:
    return web.Response(text=_ENVELOPE.format(body=body), status=status, content_type="application/soap+xml")


def _fault(code: str, reason: str) -> web.Response:
    subcode = f"<s:Subcode><s:Value>{code}</s:Value></s:Subcode>"
    body = (
        f"<s:Fault><s:Code><s:Value>s:Sender</s:Value>{subcode}</s:Code>"
        f'<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault>'
    )
    return _soap(body, 400)


@contextlib.asynccontextmanager
async def serving(device: Device) -> AsyncIterator[Device]:
    """The device on a port of this machine, until the block ends."""
    app = web.Application()
    app.router.add_post("/onvif/{service}", device.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    device.port = runner.addresses[0][1]
    try:
        yield device
    finally:
        await runner.cleanup()
