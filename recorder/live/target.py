"""Where a picture may be pushed to, and what of the address may be shown: a media server's address carries tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit

from recorder.errors import RefusedUrl

DEFAULT_PORTS: dict[str, int] = {"rtmp": 1935, "rtmps": 443, "http": 80, "https": 443}
MAX_LENGTH = 4096
_UNSAFE = re.compile(r"[^\x21-\x5b\x5d-\x7e]")
_HIDDEN = "***"
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address. `url` is whole and may hold secrets; `shown` is for people.

    `shown` has scheme, host and the first part of the path: what follows is a stream's key at many services, a query
    holds tokens.  `path` is what stands behind the host, query included.
    """

    url: str = field(repr=False)
    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    shown: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def by_http(self) -> bool:
        """Whether FLV goes by HTTP and not by RTMP."""
        return self.scheme.startswith("http")

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way may read or change it."""
        return self.scheme.endswith("s")

    def redact(self, text: str) -> str:
        """`text` (a message of a library or a server, which may quote the address) without anything that is not shown:
        one line of at most 200 characters.
        """
        shown_part, slash, rest = self.path.partition("/")
        quoted = {self.url, self.path, self.path.partition("?")[2], self.user, self.password}
        for one in re.split("[/?&;#]", rest if slash and "?" not in shown_part else self.path):
            quoted |= {one, one.partition("=")[2]}  # a server that refuses a token may say which
        hidden = quoted | {unquote(one) for one in quoted} | {unquote_plus(one) for one in quoted}
        for secret in sorted((one for one in hidden if len(one) >= 3), key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return "".join(one if one.isprintable() else " " for one in text)[:_MOST_SHOWN]


def target_of(url: str) -> Target:
    """The target of an address; raises `RefusedUrl`, whose message names what is wrong and nothing that is secret."""
    if len(url) > MAX_LENGTH or _UNSAFE.search(url):
        raise RefusedUrl(
            f"a push address has at most {MAX_LENGTH} ASCII characters: no spaces, backslashes, control characters"
        )
    scheme = url.partition("://")[0].lower()
    if "://" not in url or scheme not in DEFAULT_PORTS:
        raise RefusedUrl("a push address begins with rtmp://, rtmps://, http:// or https://")
    try:
        parts = urlsplit(url, allow_fragments=False)
        host, port = parts.hostname, parts.port or DEFAULT_PORTS[scheme]
    except ValueError:
        raise RefusedUrl("the host or port of the push address cannot be read") from None
    if not host:
        raise RefusedUrl(f"the push address names no host: {scheme}://<host>/...")
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    if not path:
        raise RefusedUrl("the push address names no stream: nothing follows the host")
    return Target(
        url=url,
        scheme=scheme,
        host=host,
        port=port,
        path=path,
        shown=_shown(parts),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _shown(parts: SplitResult) -> str:
    first, *more = parts.path.strip("/").split("/")
    rest = f"/{first if more else _HIDDEN}" + ("/" + _HIDDEN if more else "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{rest}"
