"""The relay: one websocket over which the server's state and orders come in, and answers and events go out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode

from agent import __version__
from agent.link.failure import LinkCause, ServerError, no_connection, rest_wanted
from agent.wire.codes import MESSAGES, Code
from agent.wire.frames import MAX_FRAME, FrameError, PartialSync, from_server, to_text
from agent.wire.models import Answer, Command, EventFrame, Hello, Sync

log = logging.getLogger(__name__)

PING_SEC = 20.0
SILENCE_SEC = 60.0
"""A link on which nothing was heard for this long is dropped (design part 5)."""
REPLACED = "connected again"
"""In the reason of the server's close frame: another connection of the same agent has taken this one's place. One that
hears of it is alive, and so is the other one (docs/protocol.md, 3).
"""
REMEMBERED = 1000
LONG_ANSWER = 8 << 10
"""Characters. Longer answers are not remembered: only `status` has such, and may be asked again."""
WAITING_EVENTS = 500
BIG_FRAME = 1 << 16
UNDER_WAY = 64
"""Commands carried out at the same time. Beyond, the relay reads on when one is done: a flood costs the server time and
the agent no memory."""


def answer(command_id: str, code: Code, data: dict[str, Any] | None = None, message: str = "") -> Answer:
    """What became of a command."""
    return Answer(id=command_id, err_code=int(code), err_msg=message or MESSAGES[code], data=data or {})


class AnswerMemory:
    """Commands by id: one that comes again is answered from memory, or joins the one still under way."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._tasks: OrderedDict[str, asyncio.Task[Answer]] = OrderedDict()

    async def once(self, command: Command, carry_out: Callable[[Command], Awaitable[Answer]]) -> Answer:
        """The command's answer; `carry_out` is called for the first of equal ids only."""
        task = self._tasks.get(command.id)
        if task is None:
            task = asyncio.ensure_future(_as_task(carry_out, command))
            self._tasks[command.id] = task
            while len(self._tasks) > self._size and next(iter(self._tasks.values())).done():
                self._tasks.popitem(last=False)
        # The command goes on when the link that brought it drops; its answer is asked for again over the next one.
        reply = await asyncio.shield(task)
        if len(to_text(reply)) > LONG_ANSWER:
            self._tasks.pop(command.id, None)
        return reply


async def _as_task(carry_out: Callable[[Command], Awaitable[Answer]], command: Command) -> Answer:
    return await carry_out(command)


class _connect(connect):  # noqa: N801 - as the library's own
    """Follows no redirect: the state of a school comes from the address that registration named, or not at all."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Relay:
    """The agent's end of the relay. `connected` says whether the server's state has arrived over it."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        hello: Callable[[], Hello],
        on_sync: Callable[[Sync], Awaitable[None]],
        on_command: Callable[[Command], Awaitable[Answer]],
    ) -> None:
        self.connected = False
        self._tls = tls
        self._hello, self._on_sync, self._on_command = hello, on_sync, on_command
        self._memory = AnswerMemory()
        self._sequence = 0
        self._events: deque[str] = deque(maxlen=WAITING_EVENTS)
        self._something = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Tell the server of something. Events are news, not records: without a link the oldest are forgotten."""
        self._sequence += 1
        self._events.append(to_text(EventFrame(event=name, seq=self._sequence, data=data)))
        self._something.set()

    async def serve(self, address: str, token: str) -> None:
        """Connect and serve until the link drops. Raises `ServerError` that says why it did."""
        try:
            async with _connect(
                address,
                ssl=self._tls if address.startswith("wss:") else None,
                additional_headers={"Authorization": f"Bearer {token}"},
                user_agent_header=f"gather-agent/{__version__}",
                max_size=MAX_FRAME,
                max_queue=4,
                ping_interval=PING_SEC,
                ping_timeout=SILENCE_SEC - PING_SEC,
                close_timeout=2,
            ) as socket:
                await self._serve(socket)
        except InvalidStatus as error:
            raise _not_upgraded(error) from error
        except ConnectionClosed as error:
            raise _closed(error) from error
        except (WebSocketException, OSError, ImportError) as error:
            raise no_connection(f"the relay {address}", error) from error
        finally:
            self.connected = False

    async def _serve(self, socket: ClientConnection) -> None:
        await socket.send(to_text(self._hello()))
        sending = asyncio.create_task(self._send_events(socket), name="relay events")
        try:
            async for text in socket:
                await self._take(socket, text)
            # A close frame with 1001, as when the server stops, ends the loop in peace.
            if REPLACED in (socket.close_reason or ""):
                raise ServerError(
                    "another agent with this identity has connected: was this disk or folder copied?", "twin"
                )
            raise ServerError("the server closed the relay link", "relay")
        except asyncio.CancelledError:
            await socket.close(CloseCode.GOING_AWAY)
            raise
        finally:
            sending.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(sending, *self._tasks, return_exceptions=True)

    async def _take(self, socket: ClientConnection, text: str | bytes) -> None:
        if isinstance(text, bytes):
            return  # binary frames are ignored
        try:
            # The whole state of a big school takes a while to read: not on the loop.
            frame = from_server(text) if len(text) < BIG_FRAME else await asyncio.to_thread(from_server, text)
        except FrameError as error:
            log.warning("the relay sent a frame that is none: %s", error)
            if error.command_id:
                await socket.send(to_text(answer(error.command_id, Code.BAD_DATA, message=str(error))))
            return
        if isinstance(frame, PartialSync):
            log.warning(
                "what the server says of the channels %s is not understood; what is known of them stays: %s",
                ", ".join(map(str, frame.damaged)),
                frame.why,
            )
        if isinstance(frame, Sync):
            await self._on_sync(frame)
            if not self.connected:
                log.info("the server is connected, its state is of revision %d", frame.rev)
            self.connected = True
            return
        while len(self._tasks) >= UNDER_WAY:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._carry_out(socket, frame), name=f"command {frame.cmd}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, socket: ClientConnection, command: Command) -> None:
        reply = await self._memory.once(command, self._on_command)
        with contextlib.suppress(WebSocketException):
            await socket.send(to_text(reply))

    async def _send_events(self, socket: ClientConnection) -> None:
        while True:
            self._something.clear()
            while self._events:
                text = self._events.popleft()
                try:
                    await socket.send(text)
                except WebSocketException:
                    self._events.appendleft(text)
                    raise
            await self._something.wait()


def _not_upgraded(error: InvalidStatus) -> ServerError:
    response = error.response
    status, rest_sec = response.status_code, rest_wanted(response.headers.get("Retry-After"))
    cause: LinkCause = "refused" if status in (401, 403) else "busy" if rest_sec else "relay"
    if "Location" in response.headers:
        return ServerError(f"the relay sends us on to {response.headers['Location'][:200]!r}", "redirect")
    return ServerError(f"the relay answers {status}", cause, refused=cause == "refused", rest_sec=rest_sec)


def _closed(error: ConnectionClosed) -> ServerError:
    if error.sent is not None and error.rcvd is None:
        return ServerError(f"the relay link was given up: {error}", "relay")
    return ServerError(f"the relay link dropped: {error}", "relay")
