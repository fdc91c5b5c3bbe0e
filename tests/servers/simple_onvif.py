"""A device as onvif_simple_server makes one of a cheap camera (a CGI program with templates), in what clients feel of
it: one program for each service, told apart by the path; the prefix SOAP-ENV, a comment before the envelope, blanks all
over; WS-Security without a look at the time, and HTTP 400 without it; H.265 over the second media service only; a yes
without content to every action that it does not know; addresses of whatever interface it was told.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from aiohttp import web

_OPEN = ("GetSystemDateAndTime", "GetUsers", "GetCapabilities", "GetServices", "GetServiceCapabilities")
_NAMES = {
    "device_service": ("tds", "http://www.onvif.org/ver10/device/wsdl"),
    "media_service": ("trt", "http://www.onvif.org/ver10/media/wsdl"),
    "media2_service": ("tr2", "http://www.onvif.org/ver20/media/wsdl"),
    "ptz_service": ("tptz", "http://www.onvif.org/ver20/ptz/wsdl"),
}
_PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!-- a template -->
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"
                   xmlns:{prefix}="{namespace}"
                   xmlns:ter="http://www.onvif.org/ver10/error"
                   xmlns:tt="http://www.onvif.org/ver10/schema">
    <SOAP-ENV:Body>
        {body}
    </SOAP-ENV:Body>
</SOAP-ENV:Envelope>
"""


@dataclass
class SimpleDevice:
    """`streams`: encoding, width, height and address, the large one first; `media2`, `turns`: what is switched on in
    its configuration; `strict`: it was told to refuse what it does not know. `commands`: what the camera did.
    """

    streams: list[tuple[str, int, int, str]]
    user: str = "admin"
    password: str = "p@ss:/#1"
    media2: bool = True
    turns: bool = True
    strict: bool = False
    interface: str = "http://10.0.0.3:1000"
    presets: dict[int, str] = field(default_factory=lambda: {0: "Board", 7: "Door"})
    commands: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One call of one of its programs."""
        service = request.path.rpartition("/")[2]
        if service not in _NAMES or (service == "media2_service" and not self.media2):
            return web.Response(status=404, text="<HTML><BODY>404 Not Found</BODY></HTML>", content_type="text/html")
        root = ET.fromstring(await request.read())
        call = root.find("{*}Body/*")
        assert call is not None
        name = call.tag.rpartition("}")[2]
        if not (service == "device_service" and name in _OPEN) and not self._knows(root):
            return self._fault(service, 400, "Sender", "ter:NotAuthorized", "Sender not Authorized")
        told = self._device(name) if service == "device_service" else self._other(service, name, call)
        if told is None:
            if self.strict:
                return self._fault(service, 500, "Receiver", "ter:Action", "Action failed")
            told = ""
        if told == "no profile":
            return self._fault(service, 500, "Sender", "ter:InvalidArgVal", "No profile")
        prefix = _NAMES[service][0]
        return self._page(service, 200, f"<{prefix}:{name}Response>{told}</{prefix}:{name}Response>")

    def _knows(self, root: ET.Element) -> bool:
        token = root.find("{*}Header/{*}Security/{*}UsernameToken")
        if token is None:
            return False
        created, nonce = token.findtext("{*}Created") or "", token.findtext("{*}Nonce") or ""
        told = base64.b64decode(nonce) + (created + self.password).encode()
        assert len(told) <= 128, "its buffer"
        digest = base64.b64encode(hashlib.sha1(told).digest()).decode()
        return (token.findtext("{*}Username"), token.findtext("{*}Password")) == (self.user, digest)

    def _device(self, name: str) -> str | None:
        match name:
            case "GetSystemDateAndTime":  # the time of its zone, which it calls GMT0, is right here
                return "<tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType></tds:SystemDateAndTime>"
            case "GetServices":
                listed = [
                    one
                    for one in _NAMES
                    if (one != "media2_service" or self.media2) and (one != "ptz_service" or self.turns)
                ]
                return "".join(
                    f"<tds:Service><tds:Namespace>{_NAMES[one][1]}</tds:Namespace>\n<tds:XAddr>{self.interface}/onvif/{one}"
                    "</tds:XAddr><tds:Version><tt:Major>19</tt:Major><tt:Minor>12</tt:Minor></tds:Version></tds:Service>"
                    for one in listed
                )
            case "GetDeviceInformation":
                return "<tds:Manufacturer>Yi</tds:Manufacturer>\n<tds:Model> Home </tds:Model>"
        return None

    def _other(self, service: str, name: str, call: ET.Element) -> str | None:
        token = call.findtext("{*}ProfileToken")
        if token is not None and token not in [f"Profile_{number}" for number in range(len(self.streams))]:
            return "no profile"
        prefix = _NAMES[service][0]
        match (service, name):
            case ("media_service" | "media2_service", "GetProfiles"):
                kinds = [one.text or "" for one in call.findall("{*}Type")]
                return "\n".join(self._profile(prefix, number, kinds) for number in range(len(self.streams)))
            case ("media_service", "GetStreamUri"):
                return f"<trt:MediaUri>\n<tt:Uri>{self._uri(token)}</tt:Uri>\n</trt:MediaUri>"
            case ("media2_service", "GetStreamUri"):
                return f"<tr2:Uri>{self._uri(token)}</tr2:Uri>"
            case ("media2_service", "GetVideoEncoderConfigurationOptions"):
                return (
                    "<tr2:Options><tt:Encoding>H265</tt:Encoding><tt:BitrateRange><tt:Min>10</tt:Min>"
                    "<tt:Max>5000</tt:Max></tt:BitrateRange></tr2:Options>"
                )
            case ("ptz_service", "GetPresets"):
                return "\n".join(
                    f'<tptz:Preset token="PresetToken_{number}"><tt:Name>{escape(name)}</tt:Name><tt:PTZPosition>'
                    '<tt:PanTilt x="1.0" y="2.0"/><tt:Zoom x="1.0"/></tt:PTZPosition></tptz:Preset>'
                    for number, name in self.presets.items()
                )
            case ("ptz_service", "GotoPreset"):
                self.commands.append(call.findtext("{*}PresetToken") or "")
                return ""
        return None

    def _uri(self, token: str | None) -> str:
        return escape(self.streams[int((token or "_0").rpartition("_")[2])][3])

    def _profile(self, prefix: str, number: int, kinds: list[str]) -> str:
        encoding, width, height, _ = self.streams[number]
        size = f"<tt:Resolution>\n<tt:Width>{width}</tt:Width>\n<tt:Height>{height}</tt:Height>\n</tt:Resolution>"
        source = "<tt:Name>VideoSourceConfig</tt:Name><tt:SourceToken>VideoSourceToken</tt:SourceToken>"
        token = f"Profile_{number}_VideoEncoderToken"
        if prefix == "tr2":
            limits = "<tt:FrameRateLimit>30</tt:FrameRateLimit><tt:BitrateLimit>5000</tt:BitrateLimit>"
            begin = f'<tr2:VideoEncoder Profile="Main" GovLength="40" token="{token}">'
            parts = {
                "VideoSource": f'<tr2:VideoSource token="VideoSourceConfigToken">{source}</tr2:VideoSource>',
                "VideoEncoder": f"{begin}<tt:Encoding>{encoding}</tt:Encoding>{size}<tt:Quality>10</tt:Quality>"
                f"<tt:RateControl>{limits}</tt:RateControl></tr2:VideoEncoder>",
                "PTZ": '<tr2:PTZ token="PTZCfgToken"/>' if self.turns else "",
            }
            told = "".join(part for kind, part in parts.items() if kind in kinds or "All" in kinds)
            inner = f"<tr2:Configurations>{told}</tr2:Configurations>" if kinds else ""
            return f'<tr2:Profiles token="Profile_{number}"\n fixed="true"><tr2:Name>x</tr2:Name>{inner}</tr2:Profiles>'
        return (
            f'<trt:Profiles token="Profile_{number}"\n fixed="true"><tt:Name>x</tt:Name>'
            f'<tt:VideoSourceConfiguration token="VideoSourceConfigToken">{source}</tt:VideoSourceConfiguration>'
            f'<tt:VideoEncoderConfiguration token="{token}"><tt:Encoding>H264</tt:Encoding>{size}<tt:RateControl>'
            "<tt:FrameRateLimit>0</tt:FrameRateLimit><tt:BitrateLimit>0</tt:BitrateLimit></tt:RateControl>"
            "</tt:VideoEncoderConfiguration></trt:Profiles>"
        )

    def _fault(self, service: str, status: int, code: str, subcode: str, reason: str) -> web.Response:
        return self._page(
            service,
            status,
            f"<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:{code}</SOAP-ENV:Value><SOAP-ENV:Subcode>"
            f"<SOAP-ENV:Value>{subcode}</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason>"
            f'<SOAP-ENV:Text xml:lang="en">{reason}</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>',
        )

    @staticmethod
    def _page(service: str, status: int, body: str) -> web.Response:
        prefix, namespace = _NAMES[service]
        text = _PAGE.format(prefix=prefix, namespace=namespace, body=body)
        return web.Response(text=text, status=status, content_type="application/soap+xml")
