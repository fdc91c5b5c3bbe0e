"""The connection to the broker: kept for ever with back-off, told what has changed, asked for orders.

While the broker is away nothing is computed: what is retained is told anew at the next connection. Events wait for it,
a bounded number of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiomqtt

from agent import logs
from agent.background import ended
from agent.backoff import Backoff
from agent.config.model import MqttSection
from agent.link.failure import LinkCause, cause_of
from agent.mqtt.client import Client, speaks_older, was_taken_over, why
from agent.mqtt.discovery import Discovery
from agent.mqtt.orders import allowed_for
from agent.mqtt.session import ORDERS_UNDER_WAY, Common, Session
from agent.mqtt.topics import Topics
from agent.status import DaemonView, Happening
from agent.wire.models import Answer, Command
from agent.words import language_of

log = logging.getLogger(__name__)

KEEPALIVE_SEC = 10
"""The broker tells our last will after one and a half times this."""
STEADY_SEC = 60.0
_ADVICE: dict[LinkCause, str] = {
    "tls_name": "mqtt.host has to be a name that its certificate is for",
    "tls_expired": "its certificate has to be renewed",
    "tls_too_early": "is this machine's clock right?",
    "tls_unknown": "who may sign its certificate is said by mqtt.ca_file",
}
_V5, _V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
SHORT_LIVES = 3
"""So many connections in a row that ended soon are no accident."""


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
        self.topics = Topics.of(settings.topic, agent_uid)
        self.name = f"gather-{agent_uid[:12]}"
        """What the broker knows us by; a second client of this name throws the first one out."""
        self._settings = settings
        language = language_of(os.environ) if settings.language == "auto" else settings.language
        discovery = Discovery(settings.discovery, settings.pictures, self._allowed, language)
        self._common = Common(settings, self.topics, discovery, view, carry_out, snapshots)
        self._session: Session | None = None
        # The newer one says why it refuses, and how large a message may be.
        self._version = _V5
        self._picture_rest = Backoff(60.0, 3600.0)
        self._pictures_from = 0.0
        self._short_lives = 0
        logs.conceal(settings.password.get_secret_value())

    def take(self, happening: Happening) -> None:
        """Something happened: what is retained may be another, and alarms, losses and recordings are events."""
        if self._common.news.take(happening, time.time()):
            self._common.happened.set()
        self._common.changed.set()
        self._common.pictured.set()

    async def run(self) -> None:
        """Until cancelled."""
        loop, backoff = asyncio.get_running_loop(), Backoff(1.0, 60.0)
        where = f"{self._settings.host} port {self._settings.port}"
        while True:
            began = loop.time()
            session = asyncio.create_task(self._serve(where), name="mqtt session")
            try:
                await asyncio.wait([session])
                await session
            except (aiomqtt.MqttError, OSError, ValueError) as error:  # ValueError: what paho calls a bad name or URL
                self._after(error, stood=self.connected, lasted_sec=loop.time() - began)
                if self._short_lives == 0 and self.connected:
                    backoff.reset()
                wait = backoff.next()
                news = self._common.reminders.is_news("broker", why(error))
                level = logging.WARNING if news else logging.DEBUG
                log.log(level, "MQTT broker %s: %s; next try in %.0f s", where, self._sentence(error), wait)
                self.connected = False
                await asyncio.sleep(wait)
            finally:
                await ended(session)

    def _after(self, error: Exception, *, stood: bool, lasted_sec: float) -> None:
        """What is done otherwise next time."""
        if stood:
            self._short_lives += 1
            if lasted_sec >= STEADY_SEC:
                self._short_lives = 0
                self._common.reminders.over("broker")
        elif speaks_older(error):
            self._version = _V311 if self._version is _V5 else _V5
        session, self._session = self._session, None
        if session is None:
            return
        if session.pictures_sent:
            self._picture_rest.reset()
        if session.sending:
            rest_sec = self._picture_rest.next()
            self._pictures_from = time.monotonic() + rest_sec
            log.warning("the MQTT broker was lost over %s: no pictures for %.0f s", session.sending, rest_sec)

    def _sentence(self, error: Exception) -> str:
        said = why(error)
        if was_taken_over(error):
            return f"{said}: another client is {self.name}, too; was this disk or folder copied?"
        if self._short_lives >= SHORT_LIVES:
            return (
                f"{said}, soon after each connection: is another client {self.name}, too, as after a disk was copied?"
            )
        advice = _ADVICE.get(cause_of(error))
        return f"{said}; {advice}" if advice else said

    async def _serve(self, where: str) -> None:
        # In a thread: the authorities of a system are two hundred files.
        tls = await asyncio.to_thread(self._tls) if self._settings.tls else None
        client = self._client(tls)

        def connected() -> None:
            self.connected = True
            if self._short_lives < SHORT_LIVES:
                self._common.reminders.over("broker")
                log.info("connected to the MQTT broker %s as %s", where, self.topics.base)

        try:
            async with client:
                self._session = Session(client, self._common, pictures_from=self._pictures_from)
                await self._session.serve(connected)
        except aiomqtt.MqttError as error:
            if error.__cause__ is None and client.end is not None:  # what failed first need not be why
                raise error from client.end
            raise

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca_file)

    def _client(self, tls: ssl.SSLContext | None) -> Client:
        settings = self._settings
        return Client(
            settings.host,
            settings.port,
            username=settings.user or None,
            password=settings.password.get_secret_value() or None,
            identifier=self.name,
            protocol=self._version,
            will=aiomqtt.Will(self.topics.status, "offline", qos=1, retain=True),
            tls_context=tls,
            keepalive=KEEPALIVE_SEC,
            max_queued_incoming_messages=ORDERS_UNDER_WAY,
        )

    def _allowed(self, camera_id: int) -> tuple[str, ...]:
        return tuple(allowed_for(camera_id, self._settings.commands))
