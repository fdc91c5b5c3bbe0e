"""One recorder process from its first order to its end: steered towards what is desired, listened to, killed when it
hangs.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent.background import within
from agent.channels.recorders import RecorderGone, RecorderProcess
from agent.clock import Clock
from agent.schedule.reconciler import END_GRACE_SEC, Desired, Due, changes
from recorder.protocol import (
    BeginRecording,
    CloseChannel,
    EndRecording,
    Event,
    MoveEnd,
    NeedMain,
    OpenChannel,
    Pulse,
    RecordingBegan,
    RecordingEnded,
    Retune,
    SetReconnect,
    SliceOpened,
)
from recorder.specs import RecordingSpec, Tuning

log = logging.getLogger(__name__)

HANG_SEC = 15.0
"""A recorder says a pulse every second; one that has not for this long hangs and is killed."""
HEAR_SEC = 3.0
"""So long it is listened to once more before that."""
CLOSE_SEC = 8.0
"""How long a recorder may take to finish its files, so that a stop of the daemon stays under 10 s."""
EXIT_SEC = 2.0
"""How long a recorder that has said its last word may take to exit."""
RATE_PULSES = 11
"""Ten seconds' worth: the bit rate is measured over these."""


@dataclass(slots=True)
class Running:
    """A recording that the recorder process has been told of."""

    due: Due
    slice_id: int
    end: float | None
    began_at: float | None = None
    slices: int = 0
    stopped_at: float | None = None

    def ended_at(self, now: float) -> float:
        """When it ended, now that the recorder says that it has."""
        if self.stopped_at is not None:
            return self.stopped_at
        return now if self.end is None else self.end


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a session tells its daemon.

    Every event is handed over in order and before the next is read: what is on disk is in the journal before more
    comes. `open_recording` answers `(slice_id, next_inx)`.
    """

    on_event: Callable[[int, Event], Awaitable[None]]
    open_recording: Callable[[Due], Awaitable[tuple[int, int]]]
    plan_recording: Callable[[int, Due], Awaitable[None]]
    end_recording: Callable[[int, float], Awaitable[None]]


class DiskAway(Exception):
    """The folder of the recordings cannot be read: nothing can begin."""


class Session:
    """The life of one recorder process."""

    def __init__(
        self, camera_id: int, process: RecorderProcess, clock: Clock, hooks: Hooks, *, main_rests: bool = False
    ) -> None:
        self.camera_id = camera_id
        self.process = process
        self.running: dict[str, Running] = {}
        self.pulse: Pulse | None = None
        self.called = False
        """Whether the process was told to end."""
        self._clock, self._hooks = clock, hooks
        self._turn = asyncio.Event()
        self._desired: Desired | None = None
        self._tuning = Tuning()
        self._main_rests = main_rests
        self._told_tuning, self._told_reconnect, self._told_need_main = Tuning(), True, True
        self._retry = False
        self._heard_at = clock.monotonic()
        self._received: deque[tuple[float, int]] = deque(maxlen=RATE_PULSES)

    @property
    def bit_rate(self) -> float | None:
        """What the main stream brings, bits per second over the last pulses; None where it brings nothing."""
        if len(self._received) < 2:
            return None
        (since, before), (until, after) = self._received[0], self._received[-1]
        return (after - before) * 8 / (until - since) if after > before and until > since else None

    @property
    def _grace_sec(self) -> float:
        """So long after its end a recording may wait for packets that come late, or in heaps."""
        return END_GRACE_SEC + (self.pulse.heap_sec if self.pulse else 0.0)

    def want(self, desired: Desired | None, tuning: Tuning) -> None:
        """What the process should do from now on; None: finish its files and end."""
        before, self._desired = self._desired, desired
        told, self._tuning = self._tuning, tuning
        if desired is None or before is None or (self._orders(desired), tuning) != (self._orders(before), told):
            self._turn.set()

    def retry(self) -> None:
        """A source that is away is to be tried again now, whatever its back-off says."""
        self._retry = True
        self._turn.set()

    def _orders(self, desired: Desired) -> tuple[object, ...]:
        """What of it the process is told."""
        return desired.due, desired.reconnect, self.needs_main(desired)

    def needs_main(self, desired: Desired) -> bool:
        """Whether the main stream of a channel with two of them is to be connected: always, or around recordings."""
        return desired.soon or not self._main_rests

    async def run(self, first: OpenChannel) -> None:
        """Until the process has ended, called or not, and everything it said has been handed over."""
        self._told_tuning, self._told_reconnect = first.tuning, first.reconnect
        self._told_need_main = first.need_main
        listening = asyncio.create_task(self._listen(), name=f"channel {self.camera_id} events")
        try:
            await self.process.order(first)
            await self._steer(listening)
            await self._let_end(listening)
        except RecorderGone as error:
            log.warning("channel %d: %s", self.camera_id, error)
            await asyncio.wait([listening], timeout=CLOSE_SEC)
        finally:
            if not listening.done():
                self.process.kill()
            listening.cancel()
            (outcome,) = await asyncio.gather(listening, return_exceptions=True)
            if isinstance(outcome, Exception):
                log.error("channel %d: its events cannot be taken in", self.camera_id, exc_info=outcome)
            await self.process.close()
        status = await self.process.ended(EXIT_SEC)
        log.info("channel %d: recorder %d ended with status %d", self.camera_id, self.process.pid, status)

    async def _steer(self, listening: asyncio.Task[None]) -> None:
        listening.add_done_callback(lambda _: self._turn.set())
        while self._desired is not None and not listening.done():
            self._turn.clear()
            await self._bring_about(self._desired)
            hangs_in = self._heard_at + HANG_SEC - self._clock.monotonic()
            if hangs_in < 0 and not await self._says_something():
                log.error(
                    "channel %d: recorder %d has said nothing for %.0f s and is killed",
                    self.camera_id,
                    self.process.pid,
                    HANG_SEC,
                )
                self.process.kill()
                return
            # A recording whose end has passed may have to be told so.
            ends = (item.end for item in self.running.values() if item.end is not None and item.stopped_at is None)
            ends_in = min(ends, default=math.inf) + self._grace_sec - self._clock.wall()
            await within(max(0.1, min(hangs_in, ends_in)), self._turn)

    async def _says_something(self) -> bool:
        """Where it was this daemon that stood still, or the whole machine, nobody has listened: what was said meanwhile
        is still to be heard, and what ran together goes on together.
        """
        before = self._heard_at
        await asyncio.sleep(HEAR_SEC)
        return self._heard_at > before

    async def _let_end(self, listening: asyncio.Task[None]) -> None:
        if not listening.done() and self._desired is None:
            self.called = True
            await self.process.order(CloseChannel())
        await asyncio.wait([listening], timeout=CLOSE_SEC)
        if not listening.done():
            log.error("channel %d: recorder %d does not end and is killed", self.camera_id, self.process.pid)

    async def _bring_about(self, desired: Desired) -> None:
        if self._tuning != self._told_tuning:
            self._told_tuning = self._tuning
            await self.process.order(Retune(self._tuning))
        if desired.reconnect != self._told_reconnect or self._retry:
            # Told once more, it wakes who waits.
            self._told_reconnect, self._retry = desired.reconnect, False
            await self.process.order(SetReconnect(desired.reconnect))
        if (need_main := self.needs_main(desired)) != self._told_need_main:
            self._told_need_main = need_main
            await self.process.order(NeedMain(need_main))
        now = self._clock.wall()
        # What is over is not begun again, whichever of timetable and recorder noticed the end first.
        due = [item for item in desired.due if item.end is None or item.end > now]
        change = changes(
            {key: item.end for key, item in self.running.items() if item.stopped_at is None}, due, now, self._grace_sec
        )
        for item in change.begin:
            if item.key not in self.running:
                await self._begin(item, now)
        for item in change.move:
            running = self.running[item.key]
            running.due, running.end = item, item.end
            await self._hooks.plan_recording(running.slice_id, item)
            await self.process.order(MoveEnd(running.slice_id, item.end))
        for key in change.end:
            self.running[key].stopped_at = now
            await self.process.order(EndRecording(self.running[key].slice_id))

    async def _begin(self, due: Due, now: float) -> None:
        try:
            slice_id, next_inx = await self._hooks.open_recording(due)
        except OSError as error:
            raise DiskAway(f"the folder of the recordings: {error.strerror}") from error
        self.running[due.key] = Running(due, slice_id, due.end)
        spec = RecordingSpec(slice_id, due.course_id, next_inx, due.title, due.begin)
        # One that goes on after a restart begins now; what it misses is seen from the slices that exist.
        await self.process.order(BeginRecording(spec, due.begin if next_inx == 1 else now, due.end))

    async def _listen(self) -> None:
        while (event := await self.process.event()) is not None:
            self._heard_at = self._clock.monotonic()
            await self._take(event)
            await self._hooks.on_event(self.camera_id, event)

    async def _take(self, event: Event) -> None:
        match event:
            case Pulse():
                self.pulse = event
                self._received.append((self._clock.monotonic(), event.received_bytes))
            case RecordingBegan(slice_id=slice_id, first_at=first_at):
                if (item := self._of(slice_id)) is not None:
                    item.began_at = first_at
            case SliceOpened(slice_id=slice_id):
                if (item := self._of(slice_id)) is not None:
                    item.slices += 1
            case RecordingEnded(slice_id=slice_id):
                if (item := self._of(slice_id)) is not None:
                    del self.running[item.due.key]
                    self._turn.set()  # it may have been lengthened meanwhile, and then goes on
                    await self._hooks.end_recording(slice_id, item.ended_at(self._clock.wall()))
            case _:
                pass

    def _of(self, slice_id: int) -> Running | None:
        return next((item for item in self.running.values() if item.slice_id == slice_id), None)
