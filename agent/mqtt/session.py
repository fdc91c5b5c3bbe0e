"""One connection to the broker: states, pictures and events go out, each in a lane of its own, and orders come in.

Pictures have their lane because a large one must not hold up an alarm any longer than its own bytes take.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt

from agent.background import ended, within
from agent.config.model import MqttSection
from agent.link.relay import AnswerMemory
from agent.mqtt.client import Client, answer_properties, reply_to
from agent.mqtt.discovery import Discovery, discovery_messages, topics_of_channel
from agent.mqtt.messages import as_text, state_messages
from agent.mqtt.news import News
from agent.mqtt.orders import Order, Refusal, order_of
from agent.mqtt.topics import Topics
from agent.reminders import Reminders
from agent.status import DaemonView
from agent.wire.codes import Code
from agent.wire.models import Answer, Command

log = logging.getLogger(__name__)

LOOK_SEC = 5.0
"""What nobody announces (a disk that fills) is told with this delay."""
SETTLE_SEC = 0.2
"""News come in groups: so long the next ones are waited for, and told together."""
LOOK_BACK_SEC = 10.0
"""So long after connecting we hear what an earlier run had left; then our own states are no more sent back to us."""
ORDERS_UNDER_WAY = 100
ORDERS_REMEMBERED = 100


@dataclass
class Common:
    """What all connections of one agent share. `changed` and `pictured` are set when there may be something to tell."""

    settings: MqttSection
    topics: Topics
    discovery: Discovery
    view: Callable[[], DaemonView]
    carry_out: Callable[[Command], Awaitable[Answer]]
    snapshots: Path
    news: News = field(default_factory=News)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    pictured: asyncio.Event = field(default_factory=asyncio.Event)
    happened: asyncio.Event = field(default_factory=asyncio.Event)
    memory: AnswerMemory = field(default_factory=lambda: AnswerMemory(ORDERS_REMEMBERED))
    reminders: Reminders = field(default_factory=lambda: Reminders(time.monotonic))


class Session:
    """`serve()` until the connection ends. `sending`: the picture that is on its way, empty while none is; none is sent
    before `pictures_from` (of `time.monotonic`).
    """

    def __init__(self, client: Client, common: Common, *, pictures_from: float) -> None:
        self.sending = ""
        self.pictures_sent = 0
        self._client, self._common, self._topics = client, common, common.topics
        self._pictures_from = pictures_from
        self._orders: set[asyncio.Task[None]] = set()
        self._last_order: dict[int, asyncio.Task[None]] = {}
        self._refused: set[str] = set()

    async def serve(self, connected: Callable[[], None]) -> None:
        """`connected` is called when the broker has taken us in. Raises what ended it."""
        for topic in (self._topics.all_orders, self._topics.all_channels):
            if refusal := await self._client.follow(topic):
                log.warning("the MQTT broker does not let us read %s (%s): see its access list", topic, refusal)
        if not self._client.retains:
            log.warning(
                "the MQTT broker keeps no retained messages: states are seen only by who is there when they change"
            )
        await self._tell(self._topics.status, "online", retain=True)
        connected()
        parts: list[Callable[[], Awaitable[None]]]
        parts = [self._tell_states, self._tell_events, self._take_messages, self._look_back]
        if self._common.settings.pictures:
            parts.append(self._tell_pictures)
        tasks = [asyncio.create_task(_run(part), name=f"mqtt {part.__name__}") for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        finally:
            await ended(*tasks, *self._orders)
            # A clean end says so itself: the last will is for the others.
            with contextlib.suppress(aiomqtt.MqttError):
                await self._client.publish(self._topics.status, "offline", qos=1, retain=True, timeout=1.0)

    # -- out

    async def _tell(self, topic: str, payload: str | bytes, *, retain: bool = False, **more: Any) -> None:
        refusal = await self._client.tell(topic, payload, retain=retain, **more)
        root = self._topics.base if self._topics.is_ours(topic) else topic.partition("/")[0]
        if refusal and root not in self._refused:
            self._refused.add(root)
            log.warning("the MQTT broker does not let us publish %s (%s): see its access list", topic, refusal)

    async def _tell_states(self) -> None:
        told: dict[str, str] = {}
        known: set[int] = set()
        while True:
            self._common.changed.clear()
            view = self._common.view()
            # States first: who hears of a new entity finds its state there.
            wanted = state_messages(view, self._topics) | discovery_messages(view, self._topics, self._common.discovery)
            present = {channel.camera_id for channel in view.channels}
            for camera_id in known - present:
                await self._forget(camera_id)
            for topic, payload in wanted.items():
                if told.get(topic) != payload:
                    await self._tell(topic, payload, retain=True)
            for camera_id in present - known:
                await self._forget(camera_id, but=wanted)
            told, known = wanted, present
            if await within(LOOK_SEC, self._common.changed):
                await asyncio.sleep(SETTLE_SEC)

    async def _forget(self, camera_id: int, but: dict[str, str] | None = None) -> None:
        """Take back what is, or an earlier run with other settings may have, retained about a channel."""
        picture = self._topics.picture(camera_id) if but and self._common.settings.pictures else ""
        for topic in topics_of_channel(camera_id, self._topics, self._common.discovery.prefix):
            if topic not in (but or {}) and topic != picture:
                await self._tell(topic, "", retain=True)

    async def _tell_pictures(self) -> None:
        told: dict[int, float] = {}
        await asyncio.sleep(self._pictures_from - time.monotonic())
        while True:
            self._common.pictured.clear()
            for channel in self._common.view().channels:
                camera_id, taken_at = channel.camera_id, channel.snapshot_at
                if taken_at is not None and told.get(camera_id) != taken_at:
                    told[camera_id] = taken_at
                    await self._tell_picture(camera_id)
            await within(LOOK_SEC, self._common.pictured)

    async def _tell_picture(self, camera_id: int) -> None:
        topic = self._topics.picture(camera_id)
        try:
            picture = await asyncio.to_thread((self._common.snapshots / f"live_{camera_id}.jpg").read_bytes)
        except FileNotFoundError:
            return
        if len(picture) > self._client.most_bytes:
            if self._common.reminders.is_news(("picture", camera_id), "large"):
                sizes = len(picture) / 1e6, self._client.most_bytes / 1e6
                log.warning(
                    "channel %d: its picture of %.1f MB is not published: the MQTT broker takes %.1f MB",
                    camera_id,
                    *sizes,
                )
            return
        self.sending = topic
        await self._tell(topic, picture, retain=True)
        self.sending = ""
        self.pictures_sent += 1
        if camera_id not in {channel.camera_id for channel in self._common.view().channels}:
            await self._tell(topic, "", retain=True)  # it went while its picture was under way

    async def _tell_events(self) -> None:
        news = self._common.news
        while True:
            self._common.happened.clear()
            while (message := news.next()) is not None:
                await self._tell(self._topics.events, message)
                news.told(message)
            await self._common.happened.wait()

    # -- in

    async def _look_back(self) -> None:
        await asyncio.sleep(LOOK_BACK_SEC)
        await self._client.unsubscribe(self._topics.all_channels)
        await asyncio.Event().wait()

    async def _take_messages(self) -> None:
        async for message in self._client.messages:
            topic, payload = str(message.topic), message.payload
            data = payload if isinstance(payload, bytes) else str(payload or "").encode()
            if (camera_id := self._topics.channel_in(topic)) is not None:
                if data and all(channel.camera_id != camera_id for channel in self._common.view().channels):
                    await self._forget(camera_id)
            elif not message.retain:  # a retained order would be carried out anew at every connection
                await self._take_order(topic, data, message)

    async def _take_order(self, topic: str, data: bytes, message: aiomqtt.Message) -> None:
        order = order_of(topic, data, self._topics, self._common.settings.commands)
        if order is None:
            return
        if isinstance(order, Order) and len(self._orders) >= ORDERS_UNDER_WAY:
            order = Refusal(order.camera_id, f"{ORDERS_UNDER_WAY} orders are under way", order.request)
        if isinstance(order, Refusal):
            level = logging.WARNING if self._common.reminders.is_news("orders refused", "") else logging.DEBUG
            log.log(level, "MQTT: order refused: %s", order.why)
            await self._answer(order, {"err_code": int(Code.BAD_DATA), "err_msg": order.why}, message)
            return
        # A channel's orders in their order; another's need not wait for a camera that does not answer.
        task = asyncio.create_task(self._carry(order, message, self._last_order.get(order.camera_id)))
        self._last_order[order.camera_id] = task
        self._orders.add(task)
        task.add_done_callback(lambda task: self._ended(order.camera_id, task))

    def _ended(self, camera_id: int, task: asyncio.Task[None]) -> None:
        self._orders.discard(task)
        if self._last_order.get(camera_id) is task:
            del self._last_order[camera_id]

    async def _carry(self, order: Order, message: aiomqtt.Message, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        done = await self._common.memory.once(order.command, self._common.carry_out)
        result = {"command": order.command.cmd, "err_code": done.err_code, "err_msg": done.err_msg, "data": done.data}
        self._common.changed.set()
        with contextlib.suppress(aiomqtt.MqttError):  # the others notice that the connection is gone
            await self._answer(order, result, message)

    async def _answer(self, order: Order | Refusal, result: dict[str, Any], message: aiomqtt.Message) -> None:
        text = as_text(({"id": order.request} if order.request else {}) | result)
        await self._tell(self._topics.answer(order.camera_id), text)
        topic, correlation = reply_to(message)
        if self._may_answer_at(topic):
            await self._tell(topic, text, properties=answer_properties(correlation))

    def _may_answer_at(self, topic: str) -> bool:
        """An asker may not have us write over states, or over what Home Assistant is told."""
        prefix = self._common.discovery.prefix
        taken = self._topics.is_ours(topic) or (prefix and topic.startswith(f"{prefix}/"))
        return bool(topic) and not taken and not {*"#+\0"} & {*topic} and topic[0] != "$"


async def _run(part: Callable[[], Awaitable[None]]) -> None:
    await part()
