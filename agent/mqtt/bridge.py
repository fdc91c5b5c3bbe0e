"""The connection to the broker: kept for ever with back-off, told what has changed, asked for orders.

While the broker is away nothing is computed and nothing is queued: what is retained is told anew at the next
connection, and news are news.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiomqtt

from agent import logs
from agent.background import ended, within
from agent.backoff import Backoff
from agent.config.model import MqttSection
from agent.mqtt.messages import Discovery, discovery_messages, state_messages, topics_of_channel
from agent.mqtt.orders import Refusal, allowed_for, order_of
from agent.mqtt.topics import Topics
from agent.status import DaemonView, Happening
from agent.wire.codes import Code
from agent.wire.models import Answer, Command

log = logging.getLogger(__name__)

KEEPALIVE_SEC = 10
"""The broker tells our last will after one and a half times this."""
LOOK_SEC = 5.0
"""What nobody announces (a disk that fills) is told with this delay."""
SETTLE_SEC = 0.2
"""News come in groups: so long the next ones are waited for, and told together."""
STEADY_SEC = 60.0
EVENTS_WAITING = 100
ORDERS_WAITING = 100


class MqttBridge:
    """One agent at one broker. `view()` is the daemon's view, `carry_out` does what the relay's commands do."""

    def __init__(
        self,
        settings: MqttSection,
        agent_uid: str,
        *,
        view: Callable[[], DaemonView],
        carry_out: Callable[[Command], Awaitable[Answer]],
        snapshots: Path,
    ) -> None:
        self.connected = False
        self._client_now: aiomqtt.Client | None = None
        self.topics = Topics.of(settings.topic, agent_uid)
        self._settings, self._agent_uid = settings, agent_uid
        self._view, self._carry_out, self._snapshots = view, carry_out, snapshots
        self._discovery = Discovery(settings.discovery, settings.pictures, self._allowed)
        self._changed = asyncio.Event()
        self._events: asyncio.Queue[str] = asyncio.Queue(EVENTS_WAITING)
        self._told: dict[str, str | bytes] = {}
        logs.conceal(settings.password.get_secret_value())

    def take(self, happening: Happening) -> None:
        """Something happened: what is retained may be another, and alarms and losses are events."""
        if not self.connected:
            return
        self._changed.set()
        if happening.kind in ("alarm", "gap", "recording"):
            about = {"event": happening.kind, "camera_id": happening.camera_id, "text": happening.text}
            with contextlib.suppress(asyncio.QueueFull):
                self._events.put_nowait(json.dumps({**about, **happening.data}, ensure_ascii=False))

    async def run(self) -> None:
        """Until cancelled."""
        loop, backoff, told = asyncio.get_running_loop(), Backoff(1.0, 60.0), ""
        where = f"{self._settings.host} port {self._settings.port}"
        while True:
            began = loop.time()
            session = asyncio.create_task(self._serve(where), name="mqtt session")
            try:
                await asyncio.wait([session])
                await session
            except (aiomqtt.MqttError, OSError, ValueError) as error:  # ValueError: what paho calls a bad name or URL
                if loop.time() - began > STEADY_SEC:
                    backoff.reset()
                    told = ""
                wait = backoff.next()
                level = logging.INFO if str(error) == told else logging.WARNING
                told = str(error)
                log.log(level, "MQTT broker %s: %s; next try in %.0f s", where, told, wait)
                await asyncio.sleep(wait)
            finally:
                await ended(session)

    async def _serve(self, where: str) -> None:
        # In a thread: the authorities of a system are two hundred files.
        tls = await asyncio.to_thread(self._tls) if self._settings.tls else None
        client = self._client_now = self._client(tls)
        async with client:
            self._told.clear()
            while not self._events.empty():
                self._events.get_nowait()
            for topic in (self.topics.all_orders, *self.topics.all_channels):
                await client.subscribe(topic, qos=1)
            await client.publish(self.topics.status, "online", qos=1, retain=True)
            log.info("connected to the MQTT broker %s as %s", where, self.topics.base)
            self.connected = True
            parts = (self._tell_states, self._tell_events, self._take_messages)
            tasks = [asyncio.create_task(part(client), name=f"mqtt {part.__name__}") for part in parts]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    await task
            finally:
                self.connected = False
                await ended(*tasks)
                # A clean end says so itself: the last will is for the others.
                with contextlib.suppress(aiomqtt.MqttError):
                    await client.publish(self.topics.status, "offline", qos=1, retain=True, timeout=1.0)

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca_file)

    def _client(self, tls: ssl.SSLContext | None) -> aiomqtt.Client:
        settings = self._settings
        return aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.user or None,
            password=settings.password.get_secret_value() or None,
            identifier=f"gather-{self._agent_uid[:12]}",
            will=aiomqtt.Will(self.topics.status, "offline", qos=1, retain=True),
            tls_context=tls,
            keepalive=KEEPALIVE_SEC,
            timeout=10.0,
            max_queued_incoming_messages=ORDERS_WAITING,
        )

    def _allowed(self, camera_id: int) -> tuple[str, ...]:
        return tuple(allowed_for(camera_id, self._settings.commands))

    # -- out

    async def _tell_states(self, client: aiomqtt.Client) -> None:
        while True:
            self._changed.clear()
            view = self._view()
            wanted: dict[str, str | bytes] = {**discovery_messages(view, self.topics, self._discovery)}
            wanted |= state_messages(view, self.topics)
            if self._settings.pictures:
                wanted |= await self._pictures(view)
            # In the order in which it was told: an entity is forgotten before its state goes.
            for topic in [*wanted, *(topic for topic in self._told if topic not in wanted)]:
                payload = wanted.get(topic, "")  # an empty one takes back what is retained
                if self._told.get(topic, "") != payload:
                    await client.publish(topic, payload, qos=1, retain=True)
                self._told[topic] = payload
            self._told = {topic: payload for topic, payload in self._told.items() if payload}
            if await within(LOOK_SEC, self._changed):
                await asyncio.sleep(SETTLE_SEC)

    async def _pictures(self, view: DaemonView) -> dict[str, str | bytes]:
        found: dict[str, str | bytes] = {}
        for channel in view.channels:
            if channel.snapshot_at is not None:
                path = self._snapshots / f"live_{channel.camera_id}.jpg"
                with contextlib.suppress(FileNotFoundError):
                    found[self.topics.picture(channel.camera_id)] = await asyncio.to_thread(path.read_bytes)
        return found

    async def _tell_events(self, client: aiomqtt.Client) -> None:
        while True:
            await client.publish(self.topics.events, await self._events.get(), qos=1)

    # -- in

    async def _take_messages(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic, payload = str(message.topic), message.payload
            data = payload if isinstance(payload, bytes) else str(payload or "").encode()
            if (camera_id := self.topics.channel_in(topic)) is not None:
                await self._forget_removed(client, camera_id, data)
            elif not message.retain:  # a retained order would be carried out anew at every connection
                await self._carry(client, topic, data)

    async def _forget_removed(self, client: aiomqtt.Client, camera_id: int, data: bytes) -> None:
        """A channel that an earlier run has told of and that is no more."""
        if not data or any(channel.camera_id == camera_id for channel in self._view().channels):
            return
        for topic in topics_of_channel(camera_id, self.topics, self._discovery.prefix):
            await client.publish(topic, "", qos=1, retain=True)

    async def _carry(self, client: aiomqtt.Client, topic: str, data: bytes) -> None:
        order = order_of(topic, data, self.topics, self._settings.commands)
        if order is None:
            return
        if isinstance(order, Refusal):
            log.warning("MQTT: order refused: %s", order.why)
            answer = {"err_code": int(Code.BAD_DATA), "err_msg": order.why}
            await client.publish(self.topics.answer(order.camera_id), json.dumps(answer, ensure_ascii=False), qos=1)
            return
        done = await self._carry_out(order)
        camera_id = int(order.data["camera_id"])
        result = {"command": order.cmd, "err_code": done.err_code, "err_msg": done.err_msg}
        await client.publish(self.topics.answer(camera_id), json.dumps(result, ensure_ascii=False), qos=1)
        self._changed.set()
