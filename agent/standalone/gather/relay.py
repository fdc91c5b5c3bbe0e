"""`GET /gather/v1/relay`: the websocket over which an agent gets its state and its commands."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import WSCloseCode, WSMsgType, web
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from agent.standalone.gather.http import Caller, Refused, caller
from agent.standalone.gather.reports import LEASE_SECONDS, take_cameras, take_event
from agent.standalone.gather.rows import full_sync
from agent.standalone.hub import Connection
from agent.standalone.services import SERVICES, Services
from agent.standalone.store.schema import Gather
from agent.standalone.store.sealed import SecretLost
from agent.wire.frames import MAX_FRAME, FrameError, from_agent
from agent.wire.models import Answer, Hello, Sync

PING_SECONDS = 20.0
SILENCE_SECONDS = 60.0

log = logging.getLogger(__name__)


async def relay(request: web.Request) -> web.StreamResponse:
    """Serve one agent until it goes, falls silent, or connects again."""
    who = await caller(request)
    services = request.app[SERVICES]
    socket = web.WebSocketResponse(receive_timeout=SILENCE_SECONDS, timeout=2.0, max_msg_size=MAX_FRAME)
    await socket.prepare(request)
    connection = services.hub.open(who.gather_id)
    rim = [asyncio.create_task(work) for work in (_send(socket, connection), _ping(socket), _close(socket, connection))]
    log.info("agent %d connected", who.gather_id)
    try:
        await _receive(services, who, socket, connection)
    finally:
        services.hub.detach(connection)
        for task in rim:
            task.cancel()
        await asyncio.gather(*rim, return_exceptions=True)
        log.info("agent %d disconnected (%s)", who.gather_id, socket.close_code)
    return socket


async def _receive(services: Services, who: Caller, socket: web.WebSocketResponse, connection: Connection) -> None:
    while True:
        try:
            message = await socket.receive()
        except TimeoutError:
            log.warning("agent %d: silent for %.0f s, dropped", who.gather_id, SILENCE_SECONDS)
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"silent")
            return
        if message.type is WSMsgType.TEXT:
            await _take(services, who, connection, message.data)
        elif message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
            return


async def _take(services: Services, who: Caller, connection: Connection, text: str) -> None:
    try:
        frame = from_agent(text)
    except FrameError as error:
        log.warning("agent %d: a frame was passed over: %s", who.gather_id, error)
        return
    try:
        if isinstance(frame, Answer):
            connection.answered(frame)
        elif isinstance(frame, Hello):
            await services.hub.attach(connection, _welcome, who, frame, services.clock())
        else:
            await services.database.run(take_event, who, frame, services.clock())
    except Refused as error:
        log.warning("agent %d: a frame was passed over: %s", who.gather_id, error)
    except SecretLost as error:
        log.error("agent %d goes on with what it knows: %s", who.gather_id, error)
        connection.end("a secret of its channels cannot be read")
    except (SQLAlchemyError, OverflowError):
        log.exception("agent %d: a frame could not be stored", who.gather_id)
        if isinstance(frame, Hello):
            connection.end("its state could not be read")  # without one it would wait for commands for ever


def _welcome(session: Session, who: Caller, hello: Hello, now: float) -> Sync:
    gather = session.get_one(Gather, who.gather_id)
    gather.lease_until = now + LEASE_SECONDS
    gather.version = hello.version or gather.version
    take_cameras(session, who.gather_id, hello.cameras)
    return full_sync(session, who.gather_id)


async def _send(socket: web.WebSocketResponse, connection: Connection) -> None:
    try:
        while True:
            await socket.send_str(await connection.outbox.get())
    except (ConnectionError, RuntimeError):
        return  # the receiving side sees the end of the connection too, and says so


async def _ping(socket: web.WebSocketResponse) -> None:
    try:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await socket.ping()
    except (ConnectionError, RuntimeError):
        return


async def _close(socket: web.WebSocketResponse, connection: Connection) -> None:
    await connection.ending.wait()
    await socket.close(code=WSCloseCode.GOING_AWAY, message=connection.reason.encode())
