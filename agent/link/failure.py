"""Why the link does not stand: in one word, for which `status` has a sentence in each language, and in full."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Literal

import aiohttp

LinkCause = Literal[
    "dns",
    "unreachable",
    "timeout",
    "dropped",
    "proxy",
    "tls_name",
    "tls_expired",
    "tls_too_early",
    "tls_unknown",
    "tls",
    "refused",
    "no_key",
    "busy",
    "broken",
    "redirect",
    "garbage",
    "said_no",
    "relay",
    "twin",
]

LONGEST_WISH_SEC = 3600.0
"""A server that asks for a longer rest is asked again after an hour all the same."""

# OpenSSL's X509_V_ERR_*, by which it tells why it did not accept a certificate (openssl-verification-options(1)).
_TOO_EARLY, _EXPIRED, _WRONG_HOST, _WRONG_ADDRESS = 9, 10, 62, 64
_NOBODY_KNOWN = {18, 19, 20, 21}
_KINDS: tuple[tuple[tuple[type[BaseException], ...], LinkCause], ...] = (
    ((ssl.SSLError,), "tls"),
    # ImportError: a SOCKS proxy is set, and no package for it is here.
    ((aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError, ImportError), "proxy"),
    ((socket.gaierror,), "dns"),
    ((TimeoutError,), "timeout"),
    ((ConnectionRefusedError,), "unreachable"),
    ((ConnectionError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError), "dropped"),
)
_NAMES: dict[LinkCause, str] = {
    "dns": "the name of {where} is not known to the network (DNS)",
    "unreachable": "{where} cannot be reached",
    "timeout": "{where} does not answer in time",
    "dropped": "{where} broke the connection off",
    "proxy": "the proxy does not lead to {where}",
    "tls_name": "the certificate of {where} is for another host name",
    "tls_expired": "the certificate of {where} has expired",
    "tls_too_early": "the certificate of {where} is not valid yet; is this machine's clock right?",
    "tls_unknown": "the certificate of {where} is signed by nobody this machine trusts (server.ca_file)",
    "tls": "no secure connection to {where}",
}


class ServerError(Exception):
    """The server did not do what was asked; the message says why, `cause` in one word.

    `refused` marks a wrong token or key, `rejected` an answer of the protocol that says no to just this body,
    `conflict` one (409) because of what the server has, or has not: a record whose file is not in its storage.
    `rest_sec`: the server wants to be left alone for so long (Retry-After).
    """

    def __init__(
        self,
        message: str,
        cause: LinkCause = "broken",
        *,
        refused: bool = False,
        rejected: bool = False,
        conflict: bool = False,
        rest_sec: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.refused = refused
        self.rejected = rejected
        self.conflict = conflict
        self.rest_sec = rest_sec


def no_connection(where: str, error: BaseException) -> ServerError:
    """What a failed connection or a broken one comes to, whichever library met it."""
    cause = cause_of(error)
    return ServerError(f"{_NAMES[cause].format(where=where)} ({_said(error)})", cause)


def cause_of(error: BaseException) -> LinkCause:
    """The word for an exception of asyncio, aiohttp or websockets."""
    return next((cause for one in _chain(error) if (cause := _of_one(one)) is not None), "unreachable")


def rest_wanted(retry_after: str | None) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), 0 where it asks for nothing
    sensible.
    """
    text = (retry_after or "").strip()
    try:
        wanted = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(wanted, 0.0), LONGEST_WISH_SEC)


def _of_one(error: BaseException) -> LinkCause | None:
    # aiohttp's own exception is of this class too, but has no code: the one that it wraps has.
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", None)
        return None if code is None else _of_certificate(code)
    if type(error).__module__ == "websockets.exceptions" and "Proxy" in type(error).__name__:
        return "proxy"
    return next((cause for kinds, cause in _KINDS if isinstance(error, kinds)), None)


def _of_certificate(code: int) -> LinkCause:
    if code in (_WRONG_HOST, _WRONG_ADDRESS):
        return "tls_name"
    if code == _EXPIRED:
        return "tls_expired"
    if code == _TOO_EARLY:
        return "tls_too_early"
    return "tls_unknown" if code in _NOBODY_KNOWN else "tls"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from. Libraries wrap the telling one in their own."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = getattr(one, "certificate_error", None) or getattr(one, "os_error", None)
        waiting += [inner if isinstance(inner, BaseException) else None, one.__cause__, one.__context__]


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
