"""`GET /storage/...`: recordings and pictures, with ranges. The names hold 128 random bits: who has an address may
see the file.
"""

from __future__ import annotations

from aiohttp import web

from agent.standalone.downloads import attachment
from agent.standalone.files import STORAGE_PREFIX
from agent.standalone.services import SERVICES

_DAY = r"{day:\d\d\d\d-\d\d-\d\d}"
_STEM = r"{stem:[0-9a-f]{32}(?:_\d+){6}\.(?:mp4|jpg)}"
_KEY = r"{key:[0-9a-f]{32}\.jpg}"


def routes() -> list[web.RouteDef]:
    """The routes; their patterns let no other name through."""
    return [
        web.get(f"/storage/recordings/{_DAY}/{_STEM}", _recording),
        web.get(f"/storage/snapshots/{_KEY}", _snapshot),
    ]


async def _recording(request: web.Request) -> web.StreamResponse:
    relative = f"recordings/{request.match_info['day']}/{request.match_info['stem']}"
    return await _file(request, relative, {"Cache-Control": "private, max-age=31536000, immutable"})


async def _snapshot(request: web.Request) -> web.StreamResponse:
    return await _file(request, f"snapshots/{request.match_info['key']}", {"Cache-Control": "private, no-cache"})


async def download(request: web.Request, address: str, name: str) -> web.StreamResponse:
    """A recording by its `file_fdfs`, to be saved under this name; one that lies elsewhere is only pointed at."""
    headers = {"Content-Disposition": attachment(name), "Cache-Control": "private, no-store"}
    if not address.startswith(STORAGE_PREFIX):
        raise web.HTTPFound(address)
    return await _file(request, address.removeprefix(STORAGE_PREFIX), headers)


async def _file(request: web.Request, relative: str, headers: dict[str, str]) -> web.StreamResponse:
    return await request.app[SERVICES].shelf.response(
        request, relative, {**headers, "X-Content-Type-Options": "nosniff"}
    )
