"""Who really calls, where a reverse proxy stands in front: `X-Forwarded-For` counts from proxies that are named
(`standalone.trusted_proxies`) and from nobody else, who could write anything into it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Sequence

from aiohttp import web

from agent.standalone.services import SERVICES
from agent.standalone.settings import Network

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def caller_behind(peer: str, forwarded: Iterable[str], trusted: Sequence[Network]) -> str:
    """The address of the last one in the chain who is no trusted proxy. `forwarded` are the header's lines: each proxy
    appends whom it got the request from, so what stands left of a stranger is only what that one says.
    """
    found = peer
    chain = [part.strip() for line in forwarded for part in line.split(",")]
    while chain and _is_trusted(found, trusted):
        address = _address(chain.pop())
        if address is None:
            break
        found = str(address)
    return found


@web.middleware
async def known_caller(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let every handler see the caller's own address as `request.remote`, and whether the caller came by TLS."""
    trusted = request.app[SERVICES].settings.trusted_proxies
    if not trusted or request.remote is None or not _is_trusted(request.remote, trusted):
        return await handler(request)
    remote = caller_behind(request.remote, request.headers.getall("X-Forwarded-For", ()), trusted)
    scheme = request.headers.getall("X-Forwarded-Proto", [""])[-1].strip().lower()
    known = request.clone(remote=remote, scheme=scheme) if scheme in ("http", "https") else request.clone(remote=remote)
    return await handler(known)


def _is_trusted(text: str, trusted: Sequence[Network]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in trusted)


def _address(text: str) -> _Address | None:
    """An address, as some proxies write it also with a port; None where it is none."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
