"""The link to the server as a whole: register, hold the relay, report; each step tried for ever with jittered
back-off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Literal

from agent.backoff import Backoff
from agent.clock import Clock
from agent.link.client import ServerClient
from agent.link.failure import LinkCause, ServerError
from agent.link.registration import register, relay_address, this_machine
from agent.link.relay import Relay
from agent.reminders import Reminders
from agent.state import AgentState
from agent.status import Happening

log = logging.getLogger(__name__)

LinkState = Literal["offline", "registering", "registered", "connected"]
STEADY_SEC = 60.0
"""A relay link that lasted this long was a good one: the next try is quick again."""
CLOCK_OFF_SEC = 30.0
TWIN_SEC = 600.0


class ServerLink:
    """Registers, then holds the relay; registers anew whenever the relay refuses."""

    def __init__(
        self,
        client: ServerClient,
        relay: Relay,
        state: AgentState,
        clock: Clock,
        *,
        name: str,
        enrol_key: str,
        on_registered: Callable[[], Awaitable[None]],
        tell: Callable[[Happening], None],
    ) -> None:
        self.detail = ""
        self.cause: LinkCause | Literal[""] = ""
        """Why the link does not stand, in one word; `detail` says it in full."""
        self.twin_at: float | None = None
        """When another agent with this identity was last noticed, monotonic."""
        self.clock_off_sec = 0.0
        """This machine's clock minus the server's at the last registration, 0 while they agree or nobody knows."""
        self._client, self._relay, self._state, self._clock = client, relay, state, clock
        self._name, self._enrol_key = name, enrol_key
        self._on_registered, self._tell = on_registered, tell
        self._state_now: LinkState = "offline"
        self._reminders = Reminders(clock.monotonic)

    @property
    def has_twin(self) -> bool:
        """Whether another agent with this identity was noticed not long ago: the two take the link from each other."""
        return self.twin_at is not None and self._clock.monotonic() - self.twin_at < TWIN_SEC

    @property
    def state(self) -> LinkState:
        """How far the link is."""
        return "connected" if self._relay.connected else self._state_now

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff()
        registered = False
        while True:
            began = self._clock.monotonic()
            try:
                if not registered:
                    self._state_now = "registering"
                    await self._register()
                    registered = True
                self._state_now = "registered"
                await self._serve()
            except ServerError as error:
                if error.refused:
                    registered = False
                if error.cause == "twin":
                    self.twin_at = self._clock.monotonic()
                if self._clock.monotonic() - began > STEADY_SEC:
                    backoff.reset()
                    self._reminders.over("link")
                self._state_now = "registered" if registered else "offline"
                await self._wait(error, max(backoff.next(), error.rest_sec))

    async def _register(self) -> None:
        state = self._state
        request = this_machine(state.known.agent_uid, self._client.base_url, self._name)
        reply = await register(self._client, request, state.token, self._enrol_key)
        self._client.refused.clear()
        state.take_registration(reply, relay_address(self._client.base_url, reply.relay_url))
        with contextlib.suppress(OSError):  # it is in the log, and tried again with the next change
            await state.durable()
        off = self._clock.wall() - reply.server_time if reply.server_time else 0.0
        self.clock_off_sec = off if abs(off) > CLOCK_OFF_SEC else 0.0
        if self.clock_off_sec:
            text = f"this machine's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the server's"
            self._tell(Happening(kind="alarm", text=text, data={"alarm": "clock"}))
        self._tell(
            Happening(
                kind="link",
                text=f"registered at {self._client.base_url} as gather {reply.gather_id}",
                data={"gather_id": reply.gather_id},
            )
        )
        await self._on_registered()

    async def _serve(self) -> None:
        """Hold the relay until it drops, or until the server refuses the token to anybody else of this agent."""
        serving = asyncio.create_task(self._relay.serve(self._state.known.relay_url, self._state.token), name="relay")
        refused = asyncio.create_task(self._client.refused.wait())
        try:
            await asyncio.wait([serving, refused], return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
            raise ServerError(
                "the server refuses this agent's token to a report; registering anew", "refused", refused=True
            )
        finally:
            serving.cancel()
            refused.cancel()
            await asyncio.gather(serving, refused, return_exceptions=True)

    async def _wait(self, error: ServerError, wait_sec: float) -> None:
        text = str(error)
        if self._reminders.is_news("link", text):
            self._tell(Happening(kind="link", text=f"{text}; recording goes on, next try in {wait_sec:.0f} s"))
        else:
            log.debug("%s; next try in %.0f s", text, wait_sec)
        self.detail, self.cause = text, error.cause
        await asyncio.sleep(wait_sec)
