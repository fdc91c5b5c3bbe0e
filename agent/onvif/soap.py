"""SOAP as ONVIF devices speak it: envelopes, the WS-Security digest, answers and faults. No I/O.

Sources: ONVIF Core Specification 5.9 (faults, authentication), WS-Security UsernameToken Profile 1.1.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
_ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"

DENIED = (
    *("notauthorized", "not authorized", "unauthorized", "sender not auth", "failedauthentication", "forbidden"),
    *("authority failure", "authentication fail", "invalid username", "invalid password", "locked"),
)
"""What a fault of wrong credentials has in it, in any case; devices differ in where."""
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)""")
_TRUSTED = ("iso-8859", "windows-125", "gb", "big5", "shift", "euc")
"""Encodings that are believed where a device declares them and its bytes are no UTF-8."""
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PREFIX = re.compile(r"</?([A-Za-z_][\w.-]*):[\w.-]+")
_NO_SUCH_PREFIX = 27
"""Expat's `XML_ERROR_UNBOUND_PREFIX`."""
_KNOWN_PREFIXES = {"tds": DEVICE, "trt": MEDIA, "tr2": MEDIA2, "tptz": PTZ, "tt": SCHEMA}


class NotOnvif(Exception):
    """An answer that is no SOAP, or not that of the call."""


class Fault(Exception):
    """The device says no. `denied`: to these credentials."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(" ".join((reason or code).split())[:200])
        told = f"{code} {reason}".lower()
        self.denied = any(word in told for word in DENIED)


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Who asks, and how far the device's clock is ahead of ours: digests are good around its own time only."""

    user: str
    password: str
    ahead_sec: float = 0.0


def request(namespace: str, call: str, body: str, login: Login | None, *, now: float, nonce: bytes) -> bytes:
    """An envelope with one call. `body` is XML: what is of the call's own namespace unprefixed, of the schema `tt:`."""
    header = "" if login is None or not login.user else _security(login, now, nonce)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{_ENVELOPE}"><s:Header>{header}</s:Header>'
        f'<s:Body><{call} xmlns="{namespace}" xmlns:tt="{SCHEMA}">{body}</{call}></s:Body></s:Envelope>'
    ).encode()


def _security(login: Login, now: float, nonce: bytes) -> str:
    try:
        then = datetime.fromtimestamp(now + login.ahead_sec, UTC)
    except (ValueError, OverflowError):  # a clock beyond all years
        then = datetime.fromtimestamp(now, UTC)
    created = f"{then.year:04}-{then:%m-%dT%H:%M:%S}.000Z"
    digest = hashlib.sha1(nonce + created.encode() + login.password.encode(), usedforsecurity=False).digest()
    return (
        f'<w:Security xmlns:w="{_WSSE}" s:mustUnderstand="1"><w:UsernameToken>'
        f"<w:Username>{escape(login.user)}</w:Username>"
        f'<w:Password Type="{_DIGEST}">{base64.b64encode(digest).decode()}</w:Password>'
        f'<w:Nonce EncodingType="{_BASE64}">{base64.b64encode(nonce).decode()}</w:Nonce>'
        f'<u:Created xmlns:u="{_WSU}">{created}</u:Created></w:UsernameToken></w:Security>'
    )


def answer(content: bytes, call: str) -> ET.Element:
    """The `<call>Response` in an answer. Raises `Fault`, `NotOnvif`."""
    root = parse(content)
    wanted = f"{call}Response".lower()
    found = next((one for one in root.iter() if tag(one).lower() == wanted), None)
    if found is not None:
        return found
    fault = next((one for one in root.iter() if tag(one) == "Fault"), None)
    if fault is None:
        raise NotOnvif("there is no answer in it")
    values = " ".join(one.text or "" for one in fault.iter() if tag(one) in ("Value", "faultcode"))
    reason = " ".join(one.text or "" for one in fault.iter() if tag(one) in ("Text", "faultstring"))
    raise Fault(values, reason)


def parse(content: bytes) -> ET.Element:
    """A device's XML, which never has a document type: entities are what attacks are made of. Raises `NotOnvif`."""
    written = _written(content)
    if "<!DOCTYPE" in written or "<!ENTITY" in written:
        raise NotOnvif("it has a document type")
    try:
        try:
            return ET.fromstring(written)  # noqa: S314 - without a document type there are no entities
        except ET.ParseError as error:
            if error.code != _NO_SUCH_PREFIX:
                raise
            return ET.fromstring(_with_prefixes(written))  # noqa: S314 - as above
    except (ET.ParseError, ValueError, LookupError) as error:
        raise NotOnvif(f"it is no XML ({error})") from error


def _written(content: bytes) -> str:
    """A device's bytes as text, from its first `<` to its last `>`.

    Seen of devices: empty lines and byte order marks before, the string's closing NUL behind; UTF-8 declared and
    GB 18030 sent, in the name that somebody gave to the camera.
    """
    declared = _DECLARED.match(content)
    named = declared[1].decode().lower() if declared is not None else ""
    tried = ["utf-8", *([named] if named.startswith(_TRUSTED) else []), "gb18030"]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        tried = ["utf-16"]
    for encoding in tried:
        try:
            text = content.decode(encoding)
            break
        except (UnicodeDecodeError, LookupError):
            continue
    else:
        text = content.decode("latin-1")
    text = _ILLEGAL.sub("", text)
    return text[max(text.find("<"), 0) : text.rfind(">") + 1]


def _with_prefixes(written: str) -> str:
    """The same with every prefix that it uses and nowhere declares declared in its first element."""
    missing = sorted({one for one in _PREFIX.findall(written) if f"xmlns:{one}=" not in written})
    spaces = "".join(f' xmlns:{one}="{_KNOWN_PREFIXES.get(one, f"urn:{one}")}"' for one in missing)
    return re.sub(r"<([A-Za-z_][^\s/>]*)", lambda match: match[0] + spaces, written, count=1)


def tag(element: ET.Element) -> str:
    """An element's name without its namespace: brands differ in those."""
    return element.tag.rpartition("}")[2]


def inside(element: ET.Element, *path: str) -> Iterator[ET.Element]:
    """The elements at a path below, in order."""
    found = [element]
    for name in path:
        found = [child for one in found for child in one if tag(child) == name]
    yield from found


def text(element: ET.Element, *path: str) -> str:
    """The text at a path below; empty where there is none."""
    return next(((one.text or "").strip() for one in inside(element, *path)), "")


def number(element: ET.Element, *path: str) -> int:
    """The number at a path below; 0 where there is none."""
    try:
        return int(float(text(element, *path) or 0))
    except (ValueError, OverflowError):
        return 0


def element(name: str, value: str) -> str:
    """An element with a text, for a request."""
    return f"<{name}>{escape(value)}</{name}>"
