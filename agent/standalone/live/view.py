"""`GET /live/{ticket}.flv`: a channel's picture as FLV, in an endless HTTP answer or over a websocket, as asked for.

The ticket is what `play_camera` and the console give.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import WSMsgType, web

from agent.standalone.live.channels import LIVE, TooManyViewers
from agent.standalone.live.fanout import Viewer
from agent.standalone.services import SERVICES

SEND_SEC = 30.0
"""A viewer who takes nothing for so long is gone."""
LOOK_SEC = 5.0
_PIECE_BYTES = 256 << 10
_HEADERS = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", "X-Accel-Buffering": "no"}


async def stream(request: web.Request) -> web.StreamResponse:
    """Serve one viewer until it goes."""
    camera_id = request.app[SERVICES].keys.admitted("camera", request.match_info["ticket"])
    if camera_id is None:
        raise web.HTTPNotFound(text="this address is not (or no longer) good", headers=_HEADERS)
    if request.method == "HEAD":  # whether it is there: that is no viewer
        return web.Response(headers=_HEADERS, content_type="video/x-flv")
    live, wakes = request.app[LIVE], asyncio.Event()
    try:
        channel, viewer = live.join(camera_id, wakes)
    except TooManyViewers:
        raise web.HTTPServiceUnavailable(text="too many viewers", headers=_HEADERS) from None
    try:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _by_websocket(request, viewer, wakes)
        return await _by_http(request, viewer, wakes)
    finally:
        live.leave(channel, viewer)


async def _by_http(request: web.Request, viewer: Viewer, wakes: asyncio.Event) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS)
    response.content_type = "video/x-flv"
    response.enable_chunked_encoding()
    await response.prepare(request)

    def is_there() -> bool:
        return request.transport is not None and not request.transport.is_closing()

    with suppress(ConnectionError, TimeoutError):
        while is_there():
            data = await _next(viewer, wakes)
            if data:
                async with asyncio.timeout(SEND_SEC):
                    await response.write(data)
            elif viewer.over:
                await response.write_eof()
                return response
        return response
    if request.transport is not None:
        request.transport.abort()
    return response


async def _by_websocket(request: web.Request, viewer: Viewer, wakes: asyncio.Event) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(heartbeat=20.0, timeout=2.0, compress=False, max_msg_size=1024)
    await socket.prepare(request)
    reading = asyncio.create_task(_until_closed(socket, wakes))
    try:
        while not reading.done():
            data = await _next(viewer, wakes)
            if data:
                async with asyncio.timeout(SEND_SEC):
                    await socket.send_bytes(data)
            elif viewer.over:
                await socket.close()
    except (ConnectionError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return socket


async def _until_closed(socket: web.WebSocketResponse, wakes: asyncio.Event) -> None:
    try:
        while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            pass
    finally:
        wakes.set()


async def _next(viewer: Viewer, wakes: asyncio.Event) -> bytes:
    """What waits, after a while also nothing."""
    data = viewer.take(_PIECE_BYTES)
    if data or viewer.over:
        return data
    wakes.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SEC):
            await wakes.wait()
    return viewer.take(_PIECE_BYTES)
