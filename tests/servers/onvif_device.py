"""An ONVIF device: device, media (both versions) and PTZ service over SOAP, WS-Security digests checked against its own
clock, WS-Discovery, and faults. Written from the ONVIF specifications and from what real devices were seen to answer
when something is wrong: HTTP 400 with `ter:NotAuthorized`, 401 with a Digest of HTTP's, an empty envelope, a page,
nothing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from aiohttp import web

Oddity = Literal["silent", "slow", "empty", "page", "cut", "garbage", "huge", "endless", "entities"]

_ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"
 xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tr2="http://www.onvif.org/ver20/media/wsdl"
 xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"
 xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>{body}</s:Body></s:Envelope>"""
_NAMESPACES = {
    "http://www.onvif.org/ver10/device/wsdl": "tds",
    "http://www.onvif.org/ver10/media/wsdl": "trt",
    "http://www.onvif.org/ver20/media/wsdl": "tr2",
    "http://www.onvif.org/ver20/ptz/wsdl": "tptz",
}
_OPEN = ("GetSystemDateAndTime", "GetServices", "GetCapabilities")
_FRESH = timedelta(seconds=5)
SLOW_SEC = 0.3


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
    """What the device is and does. `asked` holds every call, with the service it came to; `refuses` calls that it knows
    and will not do, in every service (GetProfiles) or in one (tr2:GetProfiles); `lacks` services that it does not have
    (trt, tr2, tptz).

    `address` is where it says that its services are, empty: where they are. `http_digest`: it wants HTTP's digest and
    does not look at WS-Security; `fickle`: a nonce of that is good once. `shy`: its time, too, is for users only.
    `most_rate`: what its encoder can do, `rate_range` what it says of that. `habit` makes of a right answer what this
    brand sends, `instead` is what it says to a call (tr2:GetProfiles). `denied` counts wrong passwords.
    """

    streams: list[Stream]
    user: str = "admin"
    password: str = "p@ss:/#1"
    clock_off: timedelta = timedelta()
    osd: bool = True
    presets: dict[str, str] = field(default_factory=lambda: {"1": "Blackboard", "2": "讲台 & <Audience>"})
    lacks: set[str] = field(default_factory=set)
    refuses: set[str] = field(default_factory=set)
    oddities: dict[str, Oddity] = field(default_factory=dict)
    address: str = ""
    http_digest: bool = False
    shy: bool = False
    most_rate: int = 1 << 20
    rate_range: tuple[int, int] | None = None
    habit: Callable[[str, web.Response], web.Response] | None = None
    instead: dict[str, str] = field(default_factory=dict)
    denied: int = 0
    fickle: bool = False
    nonce: str = "n0nce"
    realm: str = "camera"
    asked: list[str] = field(default_factory=list)
    looks_at: str = ""
    port: int = 0

    def serve(self) -> contextlib.AbstractAsyncContextManager[Device]:
        """`serving` it."""
        return serving(self)

    @property
    def now(self) -> datetime:
        """What the device's clock shows."""
        return datetime.now(UTC) + self.clock_off

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        root = ET.fromstring(await request.read())
        body = root.find("{*}Body")
        assert body is not None
        call = body[0]
        namespace, _, name = call.tag[1:].partition("}")
        prefix = _NAMESPACES[namespace]
        self.asked.append(f"{prefix}:{name}")
        if (odd := self.oddities.get(name)) is not None and (found := await _odd(odd, request)) is not None:
            return found
        if (self.shy or name not in _OPEN) and (refusal := self._refusal(root, request)) is not None:
            return refusal
        if self.refuses & {name, f"{prefix}:{name}"} or prefix in self.lacks:
            return _fault("ter:ActionNotSupported", "Optional Action Not Implemented")
        method = getattr(self, "_" + re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower())
        told = self.instead.get(f"{prefix}:{name}")
        told = method(prefix, call) if told is None else told
        right = _soap(f"<{prefix}:{name}Response>{told}</{prefix}:{name}Response>")
        return self.habit(name, right) if self.habit is not None else right

    def _refusal(self, root: ET.Element, request: web.Request) -> web.Response | None:
        if not self.http_digest:
            if self._knows(root):
                return None
            self.denied += root.find(".//{*}UsernameToken") is not None
            return _fault("ter:NotAuthorized", "Sender not Authorized")
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.headers.get("Authorization", "")))
        secret = _md5(f"{self.user}:{self.realm}:{self.password}")
        middle = f"{given.get('nonce')}:{given.get('nc')}:{given.get('cnonce')}:auth"
        right = given.get("response") == _md5(f"{secret}:{middle}:{_md5(f'POST:{request.path_qs}')}")
        fresh = given.get("nonce") == self.nonce
        if self.fickle:
            self.nonce = f"{self.nonce}+"
        if right and fresh:
            return None
        self.denied += bool(given) and not right
        headers = {"WWW-Authenticate": f'Digest realm="{self.realm}", nonce="{self.nonce}", qop="auth", algorithm=MD5'}
        return web.Response(status=401, headers=headers)

    def _knows(self, root: ET.Element) -> bool:
        token = root.find(".//{*}UsernameToken")
        if token is None or token.findtext("{*}Username") != self.user:
            return False
        created = token.findtext("{*}Created") or ""
        nonce = base64.b64decode(token.findtext("{*}Nonce") or "")
        digest = hashlib.sha1(nonce + (created + self.password).encode()).digest()
        fresh = abs(datetime.fromisoformat(created) - self.now) < _FRESH
        return fresh and token.findtext("{*}Password") == base64.b64encode(digest).decode()

    # -- device service

    def _get_system_date_and_time(self, _: str, __: ET.Element) -> str:
        now = self.now
        time = f"<tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        date = f"<tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
        return (
            "<tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>"
            f"<tt:UTCDateTime><tt:Time>{time}</tt:Time><tt:Date>{date}</tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>"
        )

    def _base(self) -> str:
        return self.address or f"http://127.0.0.1:{self.port}"

    def _get_services(self, _: str, __: ET.Element) -> str:
        return "".join(
            f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{self._base()}/onvif/{prefix}</tds:XAddr>"
            "<tds:Version><tt:Major>2</tt:Major><tt:Minor>40</tt:Minor></tds:Version></tds:Service>"
            for namespace, prefix in _NAMESPACES.items()
            if prefix not in self.lacks
        )

    def _get_capabilities(self, _: str, __: ET.Element) -> str:
        media = f"<tt:Media><tt:XAddr>{self._base()}/onvif/trt</tt:XAddr></tt:Media>"
        ptz = f"<tt:PTZ><tt:XAddr>{self._base()}/onvif/tptz</tt:XAddr></tt:PTZ>"
        return f"<tds:Capabilities>{media}{ptz}</tds:Capabilities>"

    def _get_device_information(self, _: str, __: ET.Element) -> str:
        return (
            "<tds:Manufacturer>Room</tds:Manufacturer><tds:Model>C-1</tds:Model>"
            "<tds:FirmwareVersion>1</tds:FirmwareVersion><tds:SerialNumber>1</tds:SerialNumber>"
            "<tds:HardwareId>1</tds:HardwareId>"
        )

    # -- media services

    def _get_profiles(self, prefix: str, call: ET.Element) -> str:
        wanted = {one.text for one in call.findall("{*}Type")}
        return "".join(self._profile(one, prefix, wanted) for one in self.streams)

    def _profile(self, one: Stream, prefix: str, wanted: set[str | None]) -> str:
        source = (
            f"<tt:Name>v</tt:Name><tt:UseCount>2</tt:UseCount><tt:SourceToken>{one.source}</tt:SourceToken>"
            '<tt:Bounds x="0" y="0" width="1" height="1"/>'
        )
        size = f"<tt:Resolution><tt:Width>{one.width}</tt:Width><tt:Height>{one.height}</tt:Height></tt:Resolution>"
        begin, token = f'token="{one.source}_view"', f'token="{one.token}_encoder"'
        if prefix == "tr2":
            rate = f"<tt:FrameRateLimit>25</tt:FrameRateLimit><tt:BitrateLimit>{one.rate}</tt:BitrateLimit>"
            parts = {
                "VideoSource": f"<tr2:VideoSource {begin}>{source}</tr2:VideoSource>",
                "VideoEncoder": f'<tr2:VideoEncoder {token} GovLength="50"><tt:Name>e</tt:Name>'
                f"<tt:UseCount>1</tt:UseCount><tt:Encoding>{one.encoding}</tt:Encoding>{size}"
                f'<tt:RateControl ConstantBitRate="false">{rate}</tt:RateControl><tt:Quality>5</tt:Quality>'
                "</tr2:VideoEncoder>",
                "PTZ": '<tr2:PTZ token="ptz"><tt:Name>p</tt:Name><tt:NodeToken>n</tt:NodeToken></tr2:PTZ>',
            }
            chosen = "".join(part for kind, part in parts.items() if kind in wanted)
            return (
                f'<tr2:Profiles token="{one.token}" fixed="true"><tr2:Name>{one.token}</tr2:Name>'
                f"<tr2:Configurations>{chosen}</tr2:Configurations></tr2:Profiles>"
            )
        encoding = "H264" if one.encoding == "H265" else one.encoding  # the first media service has no word for it
        return (
            f'<trt:Profiles token="{one.token}" fixed="true"><tt:Name>{one.token}</tt:Name>'
            f"<tt:VideoSourceConfiguration {begin}>{source}</tt:VideoSourceConfiguration>"
            f"<tt:VideoEncoderConfiguration {token}><tt:Name>e</tt:Name><tt:UseCount>1</tt:UseCount>"
            f"<tt:Encoding>{encoding}</tt:Encoding>{size}<tt:Quality>5</tt:Quality><tt:RateControl>"
            "<tt:FrameRateLimit>25</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
            f"<tt:BitrateLimit>{one.rate}</tt:BitrateLimit></tt:RateControl>"
            "<tt:H264><tt:GovLength>50</tt:GovLength><tt:H264Profile>Main</tt:H264Profile></tt:H264>"
            "<tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration></trt:Profiles>"
        )

    def _set_video_encoder_configuration(self, prefix: str, call: ET.Element) -> str:
        configuration = call.find("{*}Configuration")
        assert configuration is not None
        assert (call.findtext("{*}ForcePersistence") == "true") == (prefix == "trt")
        # Whatever else is set there comes back unchanged, or would be changed.
        (stream,) = [one for one in self.streams if f"{one.token}_encoder" == configuration.get("token")]
        assert configuration.findtext("{*}Resolution/{*}Width") == str(stream.width)
        assert configuration.findtext("{*}RateControl/{*}FrameRateLimit") == "25"
        assert prefix == "trt" or configuration.get("GovLength") == "50"
        stream.rate = min(int(configuration.findtext(".//{*}BitrateLimit") or ""), self.most_rate)
        return ""

    def _get_video_encoder_configuration_options(self, prefix: str, call: ET.Element) -> str:
        (stream,) = [one for one in self.streams if f"{one.token}_encoder" == call.findtext("{*}ConfigurationToken")]
        if self.rate_range is None:
            return ""
        least, most = self.rate_range
        range_ = f"<tt:BitrateRange><tt:Min>{least}</tt:Min><tt:Max>{most}</tt:Max></tt:BitrateRange>"
        wrong = range_.replace(str(most), "1")
        if prefix == "tr2":
            right = f"<tr2:Options><tt:Encoding>{stream.encoding}</tt:Encoding>{range_}</tr2:Options>"
            return f"<tr2:Options><tt:Encoding>JPEG</tt:Encoding>{wrong}</tr2:Options>{right}"
        extension = f"<tt:Extension><tt:JPEG>{wrong}</tt:JPEG><tt:H264>{range_}</tt:H264></tt:Extension>"
        return f"<trt:Options><tt:H264><tt:GovLengthRange/></tt:H264>{extension}</trt:Options>"

    def _get_stream_uri(self, prefix: str, call: ET.Element) -> str:
        protocol = "{*}Protocol" if prefix == "tr2" else "{*}StreamSetup/{*}Transport/{*}Protocol"
        assert call.findtext(protocol) in ("RTSP", "RtspUnicast")[: 2 if prefix == "tr2" else 1]
        uri = self._stream(call).uri
        if prefix == "tr2":
            return f"<tr2:Uri>{uri}</tr2:Uri>"
        return (
            f"<trt:MediaUri><tt:Uri>{uri}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
            "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri>"
        )

    def _get_snapshot_uri(self, prefix: str, call: ET.Element) -> str:
        uri = f"http://192.168.99.3/still/{self._stream(call).token}.jpg"
        return (
            f"<tr2:Uri>{uri}</tr2:Uri>" if prefix == "tr2" else f"<trt:MediaUri><tt:Uri>{uri}</tt:Uri></trt:MediaUri>"
        )

    def _stream(self, call: ET.Element) -> Stream:
        (stream,) = [one for one in self.streams if one.token == call.findtext("{*}ProfileToken")]
        return stream

    def _get_osds(self, prefix: str, call: ET.Element) -> str:
        assert call.findtext("{*}ConfigurationToken") == "sensor_view"
        osd = (
            f'<{prefix}:OSDs token="clock">'
            "<tt:VideoSourceConfigurationToken>sensor_view</tt:VideoSourceConfigurationToken>"
            "<tt:Type>Text</tt:Type><tt:Position><tt:Type>UpperLeft</tt:Type></tt:Position>"
            f"<tt:TextString><tt:Type>DateAndTime</tt:Type></tt:TextString></{prefix}:OSDs>"
        )
        return osd if self.osd else ""

    def _create_osd(self, prefix: str, call: ET.Element) -> str:
        assert call.findtext(".//{*}TextString/{*}Type") == "DateAndTime"
        self.osd = True
        return f"<{prefix}:OSDToken>clock</{prefix}:OSDToken>"

    def _delete_osd(self, _: str, call: ET.Element) -> str:
        assert call.findtext("{*}OSDToken") == "clock"
        self.osd = False
        return ""

    # -- PTZ service

    def _get_presets(self, _: str, call: ET.Element) -> str:
        self._stream(call)
        return "".join(
            f'<tptz:Preset token="{token}"><tt:Name>{escape(name)}</tt:Name></tptz:Preset>'
            for token, name in self.presets.items()
        )

    def _goto_preset(self, _: str, call: ET.Element) -> str:
        self._stream(call)
        self.looks_at = self.presets[call.findtext("{*}PresetToken") or ""]
        return ""


async def _odd(how: Oddity, request: web.Request) -> web.StreamResponse | None:
    match how:
        case "silent":
            await asyncio.sleep(3600)
        case "slow":
            await asyncio.sleep(SLOW_SEC)
        case "empty":
            return _soap("")
        case "page":
            return web.Response(text="<html><body>Welcome", content_type="text/html")
        case "garbage":
            return web.Response(body=b"\x00\xff<s:Env", content_type="application/soap+xml")
        case "huge":
            return web.Response(body=b"<x>" + b" " * (8 << 20), content_type="application/soap+xml")
        case "entities":
            bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
            return web.Response(text=bomb, content_type="application/soap+xml")
        case "endless":
            answer = web.StreamResponse()
            await answer.prepare(request)
            with contextlib.suppress(ConnectionError):
                while True:
                    await answer.write(b" ")
                    await asyncio.sleep(0.05)
        case "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
    return None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


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
    async with listening(device.answer) as device.port:
        yield device


@contextlib.asynccontextmanager
async def listening(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Who answers so at a port, which is given."""
    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


_MATCH = """<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"
 xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Body><d:ProbeMatches><d:ProbeMatch>
<a:EndpointReference><a:Address>{endpoint}</a:Address></a:EndpointReference>
<d:Scopes>onvif://www.onvif.org/type/video_encoder ONVIF://www.onvif.org/Name/Room%20301
 onvif://www.onvif.org/hardware/C-1</d:Scopes>
<d:XAddrs>{services}</d:XAddrs></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"""


def probe_match(services: str, endpoint: str = "urn:uuid:1") -> bytes:
    """A device's answer to a discovery's question."""
    return _MATCH.format(services=services, endpoint=endpoint).encode()


@contextlib.asynccontextmanager
async def discoverable(services: str, local: str = "127.0.0.1") -> AsyncIterator[None]:
    """Answer what is asked from this address, each question after some noise; the first one is lost."""
    loop = asyncio.get_running_loop()
    group = ("239.255.255.250", 3702)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.setblocking(False)
        device.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        device.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        device.bind(group)
        membership = struct.pack("4s4s", socket.inet_aton(group[0]), socket.inet_aton(local))
        device.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)

        async def answer() -> None:
            await loop.sock_recvfrom(device, 65_536)
            while True:
                datagram, asker = await loop.sock_recvfrom(device, 65_536)
                if asker[0] == local and b"NetworkVideoTransmitter" in datagram:
                    await loop.sock_sendto(device, b"\x00 no XML", asker)
                    await loop.sock_sendto(device, probe_match(services), asker)

        answering = asyncio.create_task(answer())
        try:
            yield
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
