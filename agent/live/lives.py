"""All pushes of this agent: one a channel, each with a task that keeps a live process at work while its lease holds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.background import within
from agent.channels.channel import Channel
from agent.channels.recorders import RecorderGone, RecorderHost
from agent.clock import Clock
from agent.live.lease import Lease
from agent.live.push import Attempt, Ended
from agent.status import Happening, LiveView
from recorder.live.target import Target, target_of
from recorder.protocol import LiveChanged, PushLive

log = logging.getLogger(__name__)

ANSWER_SEC = 8.0
"""So long a push may take until the server's command is answered."""


class PushFailed(Exception):
    """The channel is not live at this target; `cause` is a word of `agent.wire.live_causes`, the message for people,
    without secrets.  `view` is how it stands: it is tried again until the lease ends.
    """

    def __init__(self, cause: str, message: str, view: LiveView) -> None:
        super().__init__(message)
        self.cause, self.view = cause, view


@dataclass(frozen=True, slots=True)
class LiveSetup:
    """What is the same for every push. `server` and `token()`: where a `push_url` that begins with `/` goes, and what
    is shown there; nothing else ever gets the token.
    """

    host: RecorderHost
    channels: Mapping[int, Channel]
    clock: Clock
    server: str
    token: Callable[[], str]
    ca_file: str
    tell: Callable[[Happening], None]
    relay: Callable[[str, dict[str, Any]], None]
    on_change: Callable[[], None]


class Lives:
    """Pushes by channel."""

    def __init__(self, setup: LiveSetup) -> None:
        self._setup = setup
        self._pushes: dict[int, _Push] = {}

    @property
    def watched(self) -> bool:
        """Whether anything is pushed at this moment: what can wait is to leave the line to it."""
        return any(push.view.state == "live" for push in self._pushes.values())

    def view(self, camera_id: int) -> LiveView | None:
        """A channel's push for people; None where nobody wants one."""
        push = self._pushes.get(camera_id)
        return push.view if push else None

    async def start(
        self, camera_id: int, push_url: str, lease_sec: float, patience_sec: float = ANSWER_SEC
    ) -> LiveView:
        """Push a channel, or renew its lease; returns when it is live. Raises `RefusedUrl`, or `PushFailed` when it is
        not live in time.
        """
        target, token = self._target(push_url)
        while (push := self._pushes.get(camera_id)) is not None and push.ending:
            await asyncio.wait([push.task])  # somebody comes while the last one is on its way out
        now = self._setup.clock.monotonic()
        if push is None:
            push = self._pushes[camera_id] = _Push(
                camera_id, Lease(push_url, now + lease_sec), target, token, self._setup
            )
            push.task.add_done_callback(lambda _: self._over(camera_id, push))
        else:
            push.renew(push_url, lease_sec, target, token)
        return await push.outcome(patience_sec)

    async def stop(self, camera_id: int) -> bool:
        """End a push; whether there was one."""
        push = self._pushes.get(camera_id)
        if push is None:
            return False
        await push.stop()
        return True

    async def close(self) -> None:
        """End all."""
        await asyncio.gather(*(push.stop() for push in list(self._pushes.values())))

    def _target(self, push_url: str) -> tuple[Target, str]:
        if push_url.startswith("/") and not push_url.startswith("//"):
            return target_of(self._setup.server.rstrip("/") + push_url), self._setup.token()
        return target_of(push_url), ""

    def _over(self, camera_id: int, push: _Push) -> None:
        if self._pushes.get(camera_id) is push:
            del self._pushes[camera_id]
        self._setup.on_change()


class _Push:
    """One channel's push. It lives as long as its lease, and not longer than the channel is wanted."""

    def __init__(self, camera_id: int, lease: Lease, target: Target, token: str, setup: LiveSetup) -> None:
        self._camera_id, self._lease, self._setup = camera_id, lease, setup
        self._target, self._token = target, token
        self._turn = asyncio.Event()
        self._settled = asyncio.Event()
        self._state = LiveChanged("waiting", "no_picture")
        self._since = setup.clock.wall()
        self._retry_at: float | None = None
        self._attempt: Attempt | None = None
        self._stopped = False
        self.task = asyncio.create_task(self._run(), name=f"live {camera_id}")

    @property
    def ending(self) -> bool:
        """Whether it was stopped, or is over: it takes no new wish."""
        return self._stopped or self.task.done()

    @property
    def view(self) -> LiveView:
        """For people."""
        clock, pulse = self._setup.clock, self._attempt.pulse if self._attempt else None
        return LiveView(
            state="waiting" if self._state.state == "ended" else self._state.state,
            target=self._target.shown,
            since=self._since,
            until=clock.wall() + self._lease.until - clock.monotonic(),
            cause=self._state.cause or "",
            detail=self._state.detail,
            retry_at=self._retry_at,
            sent_bytes=pulse.sent_bytes if pulse else 0,
            skipped=pulse.skipped if pulse else 0,
        )

    def renew(self, push_url: str, lease_sec: float, target: Target, token: str) -> None:
        """Longer, perhaps to another place."""
        self._token = token
        if self._lease.renew(push_url, lease_sec, self._setup.clock.monotonic()):
            self._target = target
            self._settled.clear()
        self._turn.set()

    async def outcome(self, patience_sec: float) -> LiveView:
        """Wait until it is live, or is known not to be; raises `PushFailed`."""
        target = self._target
        await within(patience_sec, self._settled)
        if self._target is not target:
            moved = f"{target.shown}: given up, somebody asked for {self._target.shown}"
            raise PushFailed("stopped", moved, self.view)
        if self._state.state == "live":
            return self.view
        raise PushFailed(
            self._state.cause or "pending", self._state.detail or f"{self._target.shown}: not live yet", self.view
        )

    async def stop(self) -> None:
        """End it."""
        self._stopped = True
        self._lease.end()
        self._turn.set()
        await asyncio.wait([self.task])

    async def _run(self) -> None:
        try:
            while (left := self._left()) > 0 and self._channel() is not None:
                wait = self._lease.try_at - self._setup.clock.monotonic()
                if wait > 0:
                    self._turn.clear()
                    await within(min(wait, left), self._turn)
                else:
                    await self._try()
        except Exception:  # a task's boundary: the next wish begins anew
            log.exception("live of channel %d failed unexpectedly", self._camera_id)
        over = "its time is over, or it was ended" if self._channel() is not None else "the channel is stopped"
        self._change(LiveChanged("ended", "stopped", over))
        self._settled.set()

    async def _try(self) -> None:
        channel, target, token = self._channel(), self._target, self._token
        if channel is None:
            return
        order = PushLive(target.url, token, self._setup.ca_file)

        def on_change(changed: LiveChanged) -> None:
            if self._target is target:  # else a late word of a place that is not meant any more
                self._change(changed)

        try:
            attempt = self._attempt = await Attempt.begin(
                self._setup.host, channel, order, shown=target.shown, clock=self._setup.clock, on_change=on_change
            )
            while (left := self._left()) > 0 and self._target is target and not attempt.over:
                self._turn.clear()
                await attempt.wait(self._turn, left)
            if not attempt.over:  # no failure: who wishes it again meanwhile waits for the next attempt
                self._settled.clear()
                await attempt.end()
                return
            ended = await attempt.end()
        except RecorderGone as error:
            ended = Ended("no_picture", f"the channel has no picture now: {error}", 0.0)
        except OSError as error:  # no descriptor is left
            ended = Ended("crashed", f"no live process can be had: {error}", 0.0)
        finally:
            self._attempt = None
        if self._left() <= 0 or self._target is not target:
            return
        wait = self._lease.lost(ended.cause, ended.live_sec, self._setup.clock.monotonic())
        self._change(LiveChanged("waiting", ended.cause, ended.detail), retry_sec=wait)
        self._settled.set()

    def _channel(self) -> Channel | None:
        """The channel, as long as it is to be connected at all: a live wish connects no channel."""
        channel = self._setup.channels.get(self._camera_id)
        return channel if channel is not None and channel.desired.connect else None

    def _left(self) -> float:
        return self._lease.until - self._setup.clock.monotonic()

    def _change(self, state: LiveChanged, retry_sec: float = 0.0) -> None:
        if state.state == "ended" and self._left() > 0 and self._channel() is not None:
            return  # said once the wait is known
        self._retry_at = self._setup.clock.wall() + retry_sec if retry_sec else None
        if state == self._state:
            return
        self._state, self._since = state, self._setup.clock.wall()
        if state.state == "live":
            self._settled.set()
        elif state.state == "connecting":
            self._settled.clear()
        text = {
            "waiting": f"waits ({state.cause}) {state.detail}".rstrip(),
            "connecting": "connects",
            "live": "is live",
            "ended": f"ended: {state.detail}",
        }[state.state] + (f"; next try in {retry_sec:.1f} s" if retry_sec else "")
        data: dict[str, str | int | float | None] = {"state": state.state, "cause": state.cause, "detail": state.detail}
        data["target"] = self._target.shown
        sentence = f"channel {self._camera_id}: push to {self._target.shown} {text}"
        self._setup.tell(Happening(kind="live", text=sentence, camera_id=self._camera_id, data=data))
        self._setup.relay("live", {"camera_id": self._camera_id, "text": text, **data})
        self._setup.on_change()
