"""A connection to a broker, with what aiomqtt leaves out: why a broker ended it, what it takes, what it refused, and
sockets that are closed where connecting failed.

It knows the insides of aiomqtt 2 and paho-mqtt 2: the tests of this room hold it against a real broker.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import aiomqtt
from aiomqtt.types import PahoSocket
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

T = TypeVar("T")

UNKNOWN_SIZE = 1 << 20
"""Bytes that a message may have where the broker does not tell: the smallest default limit of a common broker (EMQX);
one that is too large ends the connection, which would be made anew and ended again for ever.
"""
ANSWER_SEC = 10.0
"""A broker that takes longer to answer is given up."""
_HEADER = 1 << 10
"""Bytes of a message beside its payload, at most: topic and properties."""
_LARGEST = 256 << 20
"""What MQTT can say: there is no other limit where MQTT 5 names none."""
_REFUSED = 0x80
_UNSPECIFIED = 0x80
_OLD_PROTOCOL = 0x84
_TAKEN_OVER = 0x8E


class Client(aiomqtt.Client):
    """One message is under way at a time."""

    most_bytes = UNKNOWN_SIZE
    """A larger payload ends the connection."""
    most_qos = 2
    retains = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, timeout=ANSWER_SEC, **options)
        self._one_at_a_time = asyncio.Lock()
        self._outcome: ReasonCode | None = None

    async def __aenter__(self) -> Self:
        """aiomqtt connects in a pool of threads, for which a process that stops waits: while a name is looked up, or
        a broker thinks about its half of a handshake.
        """
        try:
            await _in_a_thread(self._client_connect, or_else=self._client._sock_close)
            await self._wait_for(self._connected, None)
        except BaseException:
            # Else its socket stays, and an answer that comes late would make it a second client of our name.
            self._client._sock_close()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(exc_type, exc, tb)
        finally:
            self._client._sock_close()

    async def tell(
        self, topic: str, payload: str | bytes, *, retain: bool = False, properties: Properties | None = None
    ) -> str:
        """Publish, and wait until the broker has it. Why it does not take it, empty if it does or does not say: MQTT
        3.1.1 has no word for it.
        """
        async with self._one_at_a_time:
            self._outcome = None
            qos = min(1, self.most_qos)
            await self.publish(topic, payload, qos=qos, retain=retain and self.retains, properties=properties)
            outcome = self._said()
        return "" if outcome is None or outcome.value < _REFUSED else str(outcome)

    async def follow(self, topic: str) -> str:
        """Subscribe; why the broker refuses it, empty when it does not."""
        (granted,) = await self.subscribe(topic, qos=1)
        value = granted if isinstance(granted, int) else granted.value
        return "" if value < _REFUSED else str(granted)

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - as aiomqtt has it
        """aiomqtt's waits its whole time for answers over a connection that is gone."""
        waiting: asyncio.Future[Any] = asyncio.ensure_future(fut)
        try:
            await asyncio.wait(
                {waiting, self._disconnected},
                timeout=self.timeout if timeout is None else timeout,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if waiting.done():
                answer: T = waiting.result()
                return answer
            if self._disconnected.done():
                raise aiomqtt.MqttError("the connection has ended") from self._disconnected.exception()
            raise aiomqtt.MqttError(f"no answer within {ANSWER_SEC:.0f} s")
        finally:
            if waiting is not self._disconnected:
                waiting.cancel()

    @property
    def end(self) -> BaseException | None:
        """What ended it, once it has ended by itself."""
        gone = self._disconnected
        return gone.exception() if gone.done() and not gone.cancelled() else None

    def _said(self) -> ReasonCode | None:
        return self._outcome

    # -- called by paho, in the loop's thread

    def _on_connect(
        self,
        client: Paho,
        userdata: Any,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if properties is not None:
            self.most_bytes = getattr(properties, "MaximumPacketSize", _LARGEST) - _HEADER
            self.most_qos = getattr(properties, "MaximumQoS", 2)
            self.retains = bool(getattr(properties, "RetainAvailable", 1))
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: Paho,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():
            # aiomqtt would wait for an answer until its time limit.
            self._connected.set_exception(NoAnswer("the broker closed the connection instead of answering"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # looked at, so that nothing complains that nobody did

    def _on_publish(
        self, client: Paho, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        self._outcome = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_socket_register_write(self, client: Paho, userdata: Any, sock: PahoSocket) -> None:
        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001 - as aiomqtt's: whatever it is, the connection has ended
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def register() -> None:
            # aiomqtt's registers the number that it had: a closed socket's may be somebody else's by now.
            if sock.fileno() >= 0:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(register)


async def _in_a_thread(work: Callable[[], None], *, or_else: Callable[[], None]) -> None:
    """Do the work in a thread that nobody waits for in the end. `or_else`: what is done after it when nobody wants it
    any more.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: Exception | None) -> None:
        if done.cancelled():
            or_else()
        elif error is not None:
            done.set_exception(error)
        else:
            done.set_result(None)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as failed:  # noqa: BLE001 - a thread's boundary: whoever waits for it raises it
            error = failed
        with contextlib.suppress(RuntimeError):  # the loop is closed: so will the socket be
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=run, name="mqtt connects", daemon=True).start()
    await done


class NoAnswer(aiomqtt.MqttError):
    """The connection was closed before it stood."""


def speaks_older(error: Exception) -> bool:
    """Whether this is how a broker that knows no MQTT 5 answers it."""
    return isinstance(error, NoAnswer) or _code(error) == _OLD_PROTOCOL


def was_taken_over(error: Exception) -> bool:
    """Whether another client of the same name has come (MQTT 5 says so)."""
    return _code(error) == _TAKEN_OVER


def why(error: Exception) -> str:
    """What happened, for people, as near to its cause as is known."""
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, aiomqtt.MqttCodeError) and isinstance(error.rc, ReasonCode):
        # What paho calls unspecified is a connection that just ended.
        return "the connection was lost" if error.rc.value == _UNSPECIFIED else str(error.rc)
    return str(error) or type(error).__name__


def _code(error: Exception) -> int:
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    rc = getattr(error, "rc", None)
    return rc.value if isinstance(rc, ReasonCode) else 0


def answer_properties(correlation: bytes | None) -> Properties | None:
    """MQTT 5: an answer carries what the asker sent to know it by."""
    if correlation is None:
        return None
    found = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    found.CorrelationData = correlation
    return found


def reply_to(message: aiomqtt.Message) -> tuple[str, bytes | None]:
    """MQTT 5: where the asker wants its answer, empty if it did not say, and what it knows it by."""
    found = message.properties
    return getattr(found, "ResponseTopic", ""), getattr(found, "CorrelationData", None)
