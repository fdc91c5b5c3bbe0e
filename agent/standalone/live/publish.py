"""`POST /gather/v1/live/{camera_id}`: an agent publishes a channel as FLV, in one request without end.

Who may not is told before the first byte (`Expect: 100-continue`).  The newest publisher of a channel is the one: the
former is answered 409 and goes.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import ClientPayloadError, web
from aiohttp.http import HttpVersion11
from sqlalchemy.orm import Session

from agent.standalone.gather.http import Refused, answer, caller
from agent.standalone.live.channels import LIVE
from agent.standalone.live.flv import FlvError, TagReader
from agent.standalone.services import SERVICES
from agent.standalone.store.schema import Camera
from agent.wire.models import Reply

SILENCE_SEC = 60.0
"""A publisher that brings nothing for so long is gone."""

log = logging.getLogger(__name__)


def routes() -> list[web.RouteDef]:
    """The route."""
    return [web.post(r"/gather/v1/live/{camera_id:\d{1,18}}", publish, expect_handler=_expected)]


async def publish(request: web.Request) -> web.Response:
    """Take the stream until it ends."""
    camera_id = await _allowed(request)
    channel = request.app[LIVE].channel(camera_id)
    broadcast = channel.broadcast
    publisher = broadcast.publish()
    reader = TagReader()
    log.info("live of channel %d: published", camera_id)
    try:
        while broadcast.is_publisher(publisher):
            async with asyncio.timeout(SILENCE_SEC):
                data = await request.content.readany()
            if not data:
                return answer(Reply())
            for tag in reader.feed(data):
                broadcast.take(publisher, tag)
        raise Refused(409, "this channel is published by a newer connection")
    except FlvError as error:
        raise Refused(400, f"not FLV: {error}") from error
    except TimeoutError as error:
        raise Refused(408, f"nothing came within {SILENCE_SEC:.0f} s") from error
    except (ClientPayloadError, ConnectionError) as error:
        raise Refused(400, "the stream broke off") from error
    finally:
        channel.lost(publisher)
        log.info("live of channel %d: the publisher is gone", camera_id)


async def _expected(request: web.Request) -> web.StreamResponse | None:
    """Say no before the stream, or that it may come."""
    try:
        await _allowed(request)
    except Refused as refused:
        return answer(Reply(err_code=refused.status, err_msg=str(refused)), refused.status)
    if request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun
    return None


async def _allowed(request: web.Request) -> int:
    who = await caller(request)
    camera_id = int(request.match_info["camera_id"])
    gather_id = await request.app[SERVICES].database.run(_owner, camera_id)
    if gather_id is None:
        raise Refused(404, f"there is no channel {camera_id}")
    if gather_id != who.gather_id:
        raise Refused(409, f"channel {camera_id} is another agent's")
    return camera_id


def _owner(session: Session, camera_id: int) -> int | None:
    camera = session.get(Camera, camera_id)
    return None if camera is None else camera.gather_id
