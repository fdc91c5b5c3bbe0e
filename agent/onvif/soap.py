"""SOAP as ONVIF devices speak it: envelopes, the WS-Security digest, answers and faults. No I/O.

Sources: ONVIF Core Specification 5.9 (faults, authentication), WS-Security UsernameToken Profile 1.1.
"""

from __future__ import annotations

import base64
import hashlib
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

DENIED = ("notauthorized", "not authorized", "unauthorized", "sender not auth", "failedauthentication", "forbidden")
"""What a fault of wrong credentials has in it, in any case; devices differ in where."""


class NotOnvif(Exception):
    """An answer that is no SOAP, or not that of the call."""


class Fault(Exception):
    """The device says no. `denied`: to these credentials."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(" ".join((reason or code).split())[:200])
        self.denied = any(word in f"{code} {reason}".lower() for word in DENIED)


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
    created = datetime.fromtimestamp(now + login.ahead_sec, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
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
    fault = next((one for one in root.iter() if tag(one) == "Fault"), None)
    if fault is not None:
        values = " ".join(one.text or "" for one in fault.iter() if tag(one) in ("Value", "faultcode"))
        reason = next((one.text or "" for one in fault.iter() if tag(one) in ("Text", "faultstring")), "")
        raise Fault(values, reason)
    found = next((one for one in root.iter() if tag(one) == f"{call}Response"), None)
    if found is None:
        raise NotOnvif("there is no answer in it")
    return found


def parse(content: bytes) -> ET.Element:
    """A device's XML, which never has a document type: entities are what attacks are made of. Raises `NotOnvif`."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise NotOnvif("it has a document type")
    try:
        return ET.fromstring(content)  # noqa: S314 - without a document type there are no entities
    except (ET.ParseError, ValueError, LookupError) as error:
        raise NotOnvif(f"it is no XML ({error})") from error


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
