"""What a request may do: few attempts, no request that another site made, and the cookie of a session."""

from __future__ import annotations

import hmac
import ipaddress
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http import HttpVersion11

from agent.standalone.keys import KNOWN_BROWSER_SECONDS
from agent.standalone.services import SERVICES, Services

COOKIE = "gather_console"
KNOWN_COOKIE = "gather_console_known"
ATTEMPTS = 10
WINDOW_SECONDS = 300.0
MOST_KEPT = 1000
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@dataclass(slots=True)
class Attempts:
    """Failed attempts, by address or by name. After `most` in five minutes the oldest must be that old first."""

    most: int = ATTEMPTS
    _failed: dict[str, deque[float]] = field(default_factory=dict)

    def wait(self, whose: str, now: float) -> float:
        """Seconds until this one may try again; 0 when it may."""
        failed = self._failed.get(whose)
        while failed and not now - WINDOW_SECONDS < failed[0] <= now:  # one of the future: the clock was put back
            failed.popleft()
        if not failed:
            self._failed.pop(whose, None)
            return 0.0
        return failed[0] + WINDOW_SECONDS - now if len(failed) >= self.most else 0.0

    def fail(self, whose: str, now: float) -> None:
        """One more that failed."""
        if len(self._failed) >= MOST_KEPT:
            self._failed = {each: times for each, times in self._failed.items() if times[-1] > now - WINDOW_SECONDS}
        if len(self._failed) >= MOST_KEPT:
            del self._failed[next(iter(self._failed))]
        self._failed.setdefault(whose, deque(maxlen=self.most)).append(now)

    def succeed(self, whose: str) -> None:
        """What failed before was a slip."""
        self._failed.pop(whose, None)


def address_of(request: web.Request) -> str:
    """Whose attempts count together: an IPv4 address, or the /64 of an IPv6 one, which one subscriber has whole."""
    try:
        address = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return request.remote or ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def is_at_this_machine(request: web.Request) -> bool:
    """Whether a person sits at this machine: from loopback, by a loopback name, and through no proxy.

    The name matters: a page from the internet can give its own name the address 127.0.0.1 (DNS rebinding), and a proxy
    on this machine makes everybody come from loopback.
    """
    if any(name in request.headers for name in _FORWARDED) or request.version < HttpVersion11:
        return False  # a proxy that adds no header speaks HTTP/1.0, as nginx does unless it is told otherwise
    if request.app[SERVICES].settings.public_url:
        return False
    host = urlsplit(f"//{request.host}").hostname or ""
    return _is_loopback(request.remote or "") and (host == "localhost" or _is_loopback(host))


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def set_cookie(response: web.StreamResponse, value: str, seconds: float, *, secure: bool) -> None:
    """Give the browser its session."""
    response.set_cookie(COOKIE, value, max_age=int(seconds), path="/", httponly=True, samesite="Strict", secure=secure)


def del_cookie(response: web.StreamResponse) -> None:
    """Take the session away."""
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")


def known_browser(request: web.Request, key: str) -> str:
    """Which browser it is, where this account was entered from it before; empty where it was not."""
    return request.app[SERVICES].keys.known_browser_of(request.cookies.get(KNOWN_COOKIE, ""), key)


def remember_browser(response: web.StreamResponse, value: str, *, secure: bool) -> None:
    """Give the browser what it is known by. It opens nothing."""
    age = int(KNOWN_BROWSER_SECONDS)
    response.set_cookie(
        KNOWN_COOKIE, value, max_age=age, path="/console/", httponly=True, samesite="Strict", secure=secure
    )


def is_own_form(request: web.Request) -> bool:
    """Whether a form was sent from a page of this server: what browsers say about its origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def is_form_of(request: web.Request, cookie: str, given: str) -> bool:
    """Whether a form carries the token of this session."""
    return hmac.compare_digest(request.app[SERVICES].keys.form_token(cookie).encode(), given.encode())


def is_secure(request: web.Request, services: Services) -> bool:
    """Whether the browser comes over TLS, so that the cookie may say so."""
    return request.secure or services.settings.public_url.startswith("https:")
