"""The writing thread: owns all recordings and files of a channel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, ParamSpec

from recorder.protocol import BeginRecording, MoveEnd, Trouble
from recorder.slices.recording import Recording, Surroundings
from recorder.specs import Cause, Tuning
from recorder.stream.feed import Feed, Mark
from recorder.stream.timeline import Timed

_P = ParamSpec("_P")
ONLINE: Final = "packet_loss"
"""What `cause` says while packets come: what is missing then was lost on the way."""
BATCH_SEC = 0.25
"""Packets are fetched this often while anything is recorded."""
RECORDED_SEC = 3.0
"""While anything is recorded, the ring keeps so much beside the pre-roll, and what is not known to be durable.

A recording knows within `SILENCE_SEC` of media that it is over: what came since its end is then still there for the
lesson that follows, whose order may come late.
"""
IDLE_SEC = 5.0
"""Otherwise the thread sleeps until a command comes; this only bounds what a missed one could cost."""


class Writer:
    """Every method may be called from any thread: what it asks for is done after the packets that were put before.

    `cause` tells why nothing comes just now, `ONLINE` where packets do; `heap_sec` how far apart they may come.
    """

    def __init__(
        self,
        feed: Feed,
        around: Surroundings,
        tuning: Tuning,
        cause: Callable[[], Cause],
        heap_sec: Callable[[], float],
    ) -> None:
        self._feed = feed
        self._around = around
        self._tuning = tuning
        self._cause = cause
        self._heap_sec = heap_sec
        self._waiting: dict[int, Recording] = {}
        self._running: dict[int, Recording] = {}
        self._asked = 0  # recordings asked for, and how many of them the thread has heard of
        self._heard = 0
        self._closed = False
        self._ended_sec = 0.0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    # -- asked for by others -----------------------------------------------------------------------------------------

    def begin(self, order: BeginRecording) -> None:
        """Record, from its time on. Only the main thread calls it."""
        self._asked += 1
        self._feed.command(lambda: self._begin(order))

    def move_end(self, order: MoveEnd) -> None:
        """Another end."""
        self._feed.command(lambda: self._move_end(order))

    def end(self, slice_id: int) -> None:
        """End it with the packets that have come."""
        self._feed.command(lambda: self._end(slice_id))

    def retune(self, tuning: Tuning) -> None:
        """For recordings that are on and those that come."""
        self._feed.command(lambda: self._retune(tuning))

    def source_lost(self, cause: Cause) -> None:
        """The connection ended; after its last packet."""
        self._feed.command(lambda: self._source_lost(cause))

    def close(self) -> None:
        """Make everything finished slices and return when that is done."""
        self._feed.command(self._close)
        self._thread.join()

    @property
    def busy(self) -> bool:
        """Whether any recording is on or to come."""
        # In this order: a recording that moves from one to the next meanwhile is seen at least once.
        return self._asked != self._heard or bool(self._waiting) or bool(self._running)

    @property
    def running(self) -> list[int]:
        """The recordings that are on."""
        return sorted(self._running)

    @property
    def recorded_sec(self) -> float:
        """Media recorded since the start, over all recordings."""
        return self._ended_sec + sum(recording.media_sec for recording in list(self._running.values()))

    # -- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closed:
            for item in self._feed.take(BATCH_SEC if self.busy else IDLE_SEC):
                if isinstance(item, Timed):
                    self._packet(item)
                elif item is Mark.OVERFLOW:
                    for recording in self._running.values():
                        recording.broke("overflow")
                elif not isinstance(item, Mark):
                    self._guarded(item)
            self._guarded(self._tick)

    def _packet(self, timed: Timed) -> None:
        for recording in tuple(self._running.values()):
            try:
                recording.take(timed)
            except Exception as error:  # noqa: BLE001 - as in `_attempt`, which is too long a way for each packet
                self._broken(recording, error)
            if recording.finished:
                self._forget(recording)
        self._feed.done(timed)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the thread that owns all files goes on whatever one step meets
            self._around.emit(Trouble("internal", f"writer: {error!r}"))

    def _attempt(self, recording: Recording, work: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            work(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - a defect in one recording must not end the others
            self._broken(recording, error)
        if recording.finished:
            self._forget(recording)

    def _broken(self, recording: Recording, error: Exception) -> None:
        self._around.emit(Trouble("internal", f"recording {recording.spec.slice_id}: {error!r}"))
        recording.restart()

    def _finish(self, recording: Recording, reason: str, cause: Cause = "stopped") -> None:
        self._attempt(recording, recording.finish, reason, cause)
        if not recording.finished:
            recording.give_up()
            self._attempt(recording, recording.finish, reason, cause)

    def _tick(self) -> None:
        now = self._around.clock.wall()
        if self._running:
            self._feed.need(self._needed_since(now))
        for slice_id, recording in [(key, one) for key, one in self._waiting.items() if one.begin_at <= now]:
            self._running[slice_id] = recording
            del self._waiting[slice_id]
            if (cause := self._cause()) not in (ONLINE, "late"):
                recording.broke(cause)  # it begins without a source
            self._attempt(recording, recording.start)
        for recording in list(self._running.values()):
            self._attempt(recording, recording.tick)
            cause = self._cause()
            # Behind a slow disk packets may wait that belong to a recording whose end is long past.
            if recording.is_overdue(cause == ONLINE, self._heap_sec()) and self._feed.queued_bytes == 0:
                self._finish(recording, "end", cause)

    def _needed_since(self, now: float) -> float:
        """The media time from which on the ring must have everything.

        It moves with this thread: while the disk holds that up, nothing is forgotten.
        """
        recent = self._around.clock.media_of(now) - RECORDED_SEC - self._around.limits.preroll_sec
        unsafe = (recording.unsafe_since for recording in self._running.values())
        return min([recent, *(at for at in unsafe if at is not None)])

    def _begin(self, order: BeginRecording) -> None:
        slice_id = order.recording.slice_id
        if slice_id in self._running or slice_id in self._waiting:
            self._move_end(MoveEnd(slice_id, order.end_at))
        else:
            self._waiting[slice_id] = Recording(order, self._tuning, self._around)
        self._heard += 1

    def _move_end(self, order: MoveEnd) -> None:
        recording = self._running.get(order.slice_id) or self._waiting.get(order.slice_id)
        if recording is not None:
            self._attempt(recording, recording.move_end, order.end_at)

    def _end(self, slice_id: int) -> None:
        recording = self._running.get(slice_id) or self._waiting.get(slice_id)
        if recording is not None:
            self._finish(recording, "end")

    def _retune(self, tuning: Tuning) -> None:
        self._tuning = tuning
        for recording in (*self._running.values(), *self._waiting.values()):
            recording.retune(tuning)

    def _source_lost(self, cause: Cause) -> None:
        for recording in list(self._running.values()):
            self._attempt(recording, recording.lost, cause)

    def _close(self) -> None:
        self._closed = True
        for recording in (*self._running.values(), *self._waiting.values()):
            self._finish(recording, "close")

    def _forget(self, recording: Recording) -> None:
        slice_id = recording.spec.slice_id
        self._waiting.pop(slice_id, None)
        if self._running.pop(slice_id, None) is not None:
            self._ended_sec += recording.media_sec
        if not self._running:
            self._feed.rest()
