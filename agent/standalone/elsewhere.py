"""Recordings that lie in a storage of the agents' own (S3, WebDAV, FastDFS) play at the address that API v1 gives out.

`storage_addr` of the answers stays this server, and `storage_addr` + `file_fdfs` is sent on to the web server before
that storage: so records of both kinds stand in one list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from agent.standalone.bucket import parse_bucket
from agent.standalone.services import SERVICES


def add_to(app: web.Application) -> None:
    """To be added last: what no other route takes, if it is named like a recording or a picture."""
    settings = app[SERVICES].settings
    if settings.storage_addr:
        app.router.add_get(r"/{path:.+\.(?:mp4|jpg|jpeg)}", _sent_on)
    places = [settings.storage_addr] if settings.storage_addr else []
    places += [parse_bucket(settings.storage).endpoint] if settings.storage and settings.storage_redirect else []
    if places:
        app.on_response_prepare.append(_pages_may_show(" ".join(map(_origin, places))))


async def _sent_on(request: web.Request) -> web.Response:
    location = request.app[SERVICES].settings.storage_addr.rstrip("/") + request.rel_url.raw_path
    return web.Response(status=302, headers={"Location": location, "Cache-Control": "no-store"})


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _pages_may_show(origins: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """A browser holds a page's policy against where it is sent on to as well."""

    async def widen(_request: web.Request, response: web.StreamResponse) -> None:
        policy = response.headers.get("Content-Security-Policy")
        if policy is not None:
            for kind in ("img-src 'self'", "media-src 'self'"):
                policy = policy.replace(kind, f"{kind} {origins}")
            response.headers["Content-Security-Policy"] = policy

    return widen
