"""Camera addresses: which are opened at all, how user and password get in, and what of them may be shown.

FFmpeg reads far more than network streams (`file:`, `concat:`, `data:`, `pipe:`, `subfile:`, plain paths), and a server
or a playlist may point it there.  So the scheme is checked here by a list of what is allowed, and FFmpeg gets its own
whitelist of protocols per scheme, which also binds what a playlist or a redirect names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit

from recorder.errors import RefusedUrl
from recorder.specs import SourceSpec

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443, "http": 80, "https": 443}

_PROTOCOLS = {
    "rtsp": "rtsp,rtp,srtp,udp,tcp",
    "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,rtmp,tls,tcp",
    "http": "http,https,httpproxy,tls,tcp,crypto",
    "https": "http,https,httpproxy,tls,tcp,crypto",
}
_HIDDEN = "***"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://)[^/\s?#]*@")
_SECRET_QUERY = re.compile(r"(?i)([?&;][^=&;\s]*(?:pass|pwd|token|secret|key|auth|sign)[^=&;\s]*=)[^&;\s]+")
# Xiongmai has a password, or what stands for it, in the path: user=admin_password=tlJwpbo6_channel=1_stream=0.
_SECRET_PATH = re.compile(r"(?i)([/_](?:password|passwd|pwd)=)[^&;?/\s]*?(?=_(?:channel|stream)|[&;?/\s]|$)")
# FFmpeg's RTSP demuxer keeps user and password in a buffer of 128 bytes and cuts what is longer without a word.
_RTSP_USERINFO_BYTES = 127
_SUB_DELIMITERS = "!$&'()*+,;="


@dataclass(frozen=True, slots=True)
class Address:
    """A checked camera address. `url` holds user and password and goes to FFmpeg only; `shown` is for people."""

    url: str = field(repr=False)
    scheme: str
    host: str
    port: int
    shown: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def protocol_whitelist(self) -> str:
        """FFmpeg's `protocol_whitelist` for this kind of address."""
        return _PROTOCOLS[self.scheme]

    def redact(self, text: str) -> str:
        """`text` (say, a message of FFmpeg, which likes to quote the whole address) without user and password."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return redact(text)


def address_of(spec: SourceSpec) -> Address:
    """The address of a "stream" source.

    User and password stand apart in `spec`; where the location holds them too, as many people paste them, they are
    moved out of it, and those of `spec` win.  Raises `RefusedUrl`, whose message names what is wrong without a secret.
    """
    location = spec.location.strip(" ")
    parts = _split(location)
    userinfo, _, hostport = parts.netloc.rpartition("@")
    user, password = spec.user, spec.password
    if userinfo and not user:
        raw_user, _, raw_password = userinfo.partition(":")
        user, password = unquote(raw_user), unquote(raw_password)
    if _CONTROL.search(user + password):
        raise RefusedUrl("user and password of a camera must not hold control characters")
    credentials = _credentials(parts.scheme, user, password)
    rest = parts._replace(netloc=hostport).geturl()
    host, port = _host_and_port(parts)
    return Address(
        url=parts._replace(netloc=credentials + hostport).geturl(),
        scheme=parts.scheme,
        host=host,
        port=port,
        shown=redact(rest),
        secrets=tuple(secret for secret in {password, quote(password, safe="")} if len(secret) >= 3),
    )


def redact(text: str) -> str:
    """`text` without the user and password of any address in it, and without the values of telling fields of it."""
    without = _SECRET_PATH.sub(rf"\1{_HIDDEN}", _USERINFO.sub(rf"\1{_HIDDEN}@", text))
    return _SECRET_QUERY.sub(rf"\1{_HIDDEN}", without)


def _split(location: str) -> SplitResult:
    if _UNSAFE.search(location):
        raise RefusedUrl(
            "a camera address must not hold spaces, backslashes or control characters; write them as %20 …"
        )
    scheme = _SCHEME.match(location)
    if scheme is None:
        raise RefusedUrl(f'a camera address begins with {_names()}; a file is added as a camera of kind "file"')
    if scheme[1].lower() not in _PROTOCOLS:
        raise RefusedUrl(f"{scheme[1].lower()}: is never opened as a camera; allowed are {_names()}")
    try:
        parts = urlsplit(location)
        _host_and_port(parts)
    except ValueError as error:
        raise RefusedUrl("the host or port of the camera address cannot be read") from error
    return parts


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    if not parts.hostname:
        raise RefusedUrl(f"the camera address names no host: {parts.scheme}://<host>/...")
    return parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]


def _credentials(scheme: str, user: str, password: str) -> str:
    if not user:
        return ""
    encoded = f"{quote(user, safe=_SUB_DELIMITERS)}:{quote(password, safe=_SUB_DELIMITERS)}"
    if scheme.startswith("rtsp") and len(encoded) > _RTSP_USERINFO_BYTES:
        raise RefusedUrl(
            f"user and password are too long for RTSP: {len(encoded)} of at most {_RTSP_USERINFO_BYTES} characters"
        )
    return encoded + "@"


def _names() -> str:
    return ", ".join(f"{scheme}://" for scheme in _PROTOCOLS)
