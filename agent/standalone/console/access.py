"""Who may see the console: a signed session cookie, few attempts, and no request that another site made."""

from __future__ import annotations

import hmac
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web

from agent.standalone.keys import SESSION_SECONDS, TokenExpired, TokenInvalid
from agent.standalone.services import SERVICES, Services

COOKIE = "gather_console"
ATTEMPTS = 10
WINDOW_SECONDS = 300.0
MOST_ADDRESSES = 1000


@dataclass(slots=True)
class Attempts:
    """Failed attempts to sign in, by address. After ten in five minutes the oldest must be that old first."""

    _failed: dict[str, deque[float]] = field(default_factory=dict)

    def wait(self, address: str, now: float) -> float:
        """Seconds until this address may try again; 0 when it may."""
        failed = self._failed.get(address)
        while failed and failed[0] <= now - WINDOW_SECONDS:
            failed.popleft()
        if not failed:
            self._failed.pop(address, None)
            return 0.0
        return failed[0] + WINDOW_SECONDS - now if len(failed) >= ATTEMPTS else 0.0

    def fail(self, address: str, now: float) -> None:
        """One more that failed."""
        if len(self._failed) >= MOST_ADDRESSES:
            self._failed = {each: times for each, times in self._failed.items() if times[-1] > now - WINDOW_SECONDS}
        self._failed.setdefault(address, deque(maxlen=ATTEMPTS)).append(now)


def session_of(request: web.Request) -> str | None:
    """The session of a request; None when it has none that is good."""
    cookie = request.cookies.get(COOKIE, "")
    try:
        request.app[SERVICES].keys.check_session(cookie)
    except (TokenExpired, TokenInvalid):
        return None
    return cookie


def begin_session(response: web.StreamResponse, services: Services, *, secure: bool) -> None:
    """Give the browser a session."""
    response.set_cookie(
        COOKIE,
        services.keys.session(),
        max_age=SESSION_SECONDS,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=secure,
    )


def end_session(response: web.StreamResponse) -> None:
    """Take the session away."""
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")


def is_own_form(request: web.Request) -> bool:
    """Whether a form was sent from a page of this server: what browsers say about its origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def is_form_of(request: web.Request, session: str, given: str) -> bool:
    """Whether a form carries the token of this session."""
    return hmac.compare_digest(request.app[SERVICES].keys.form_token(session).encode(), given.encode())


def is_secure(request: web.Request, services: Services) -> bool:
    """Whether the browser comes over TLS, so that the cookie may say so."""
    return request.secure or services.settings.public_url.startswith("https:")
