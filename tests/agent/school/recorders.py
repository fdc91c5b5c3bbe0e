"""Recorder processes as the daemon sees them, on simulated time: they record exactly what their camera sends.

A process that dies leaves its open slice as a `.part`; one whose daemon is gone finishes its files, which nobody takes
in.  Both are found by a repair process, as in life.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.channels.recorders import RecorderGone, RecorderHost, RecorderProcess
from recorder.names import SliceName, parse
from recorder.protocol import (
    BeginRecording,
    CloseChannel,
    EndRecording,
    Event,
    GapFound,
    LinkChanged,
    MoveEnd,
    OpenChannel,
    Order,
    RecordingBegan,
    RecordingEnded,
    RepairDone,
    RepairFolder,
    SetReconnect,
    SliceClosed,
    SliceOpened,
)
from recorder.specs import Cause, RecordingSpec, SliceFacts
from tests.agent.simulated import SimulatedClock

CONNECT_SEC = 0.4
RING_SEC = 30.0
LOST_SEC = 1.0
"""What an open file loses when its process is killed."""


@dataclass
class Cameras:
    """The school's cameras, processes and disk. `folder` gets a file only for what a crash left behind."""

    clock: SimulatedClock
    folder: Path
    away: set[int] = field(default_factory=set)
    processes: set[Process] = field(default_factory=set)
    finished: dict[str, SliceFacts] = field(default_factory=dict)
    """Slices by file name that the journal may not have yet."""
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def goes(self, camera_id: int) -> None:
        """A camera falls silent."""
        self.away.add(camera_id)
        for process in self._of(camera_id):
            process.lose("stalled")

    def comes(self, camera_id: int) -> None:
        """It is back."""
        self.away.discard(camera_id)
        for process in self._of(camera_id):
            process.connect()

    def clock_was_set(self) -> None:
        """Ends are wall-clock targets: they move."""
        for process in self.processes:
            process.plan_ends()

    def sleep(self, seconds: float) -> None:
        """The machine is suspended; the connections do not survive it."""
        sleeping = list(self.processes)
        for process in sleeping:
            process.lose("stalled")
        self.clock.pass_(seconds)
        for process in sleeping:
            process.connect()

    def daemon_is_gone(self, known: set[str], *, power_cut: bool) -> None:
        """Every process ends; what the journal does not know stays on the disk as a file."""
        for process in list(self.processes):
            process.orphan(power_cut=power_cut)
        for name, facts in self.finished.items():
            if facts.stem not in known:
                (self.folder / name).touch()
        self.finished = {name: facts for name, facts in self.finished.items() if facts.stem not in known}

    def _of(self, camera_id: int) -> list[Process]:
        return [process for process in self.processes if process.camera_id == camera_id]


@dataclass
class _Recording:
    spec: RecordingSpec
    begin_at: float
    end_at: float | None
    inx: int
    opened: tuple[float, float] | None = None
    """Wall and monotonic clock of the open slice's first packet."""
    lost_at: float | None = None
    began: bool = False
    media_sec: float = 0.0
    timer: asyncio.TimerHandle | None = None


class Process(RecorderProcess):
    """One recorder process, or a repair process; which one its first order says."""

    def __init__(self, cameras: Cameras, pid: int) -> None:
        self.pid = pid
        self.camera_id = 0
        self.exited = asyncio.get_running_loop().create_future()
        self._cameras, self._clock = cameras, cameras.clock
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._recordings: dict[int, _Recording] = {}
        self._online_since: float | None = None
        self._cause: Cause = "late"
        self._reconnect = True
        cameras.processes.add(self)

    # -- what the daemon calls

    async def order(self, order: Order, descriptor: int | None = None) -> None:
        if self.exited.done():
            raise RecorderGone(f"recorder {self.pid} does not listen any more")
        match order:
            case OpenChannel():
                self.camera_id, self._reconnect = order.camera_id, order.reconnect
                self._connect_soon()
            case SetReconnect():
                self._reconnect = order.reconnect
                self._connect_soon()
            case BeginRecording():
                spec = order.recording
                one = _Recording(spec, order.begin_at, order.end_at, spec.next_inx)
                self._recordings[spec.slice_id] = one
                self._open(one)
                self._plan_end(one)
                self._connect_soon()
            case MoveEnd() if order.slice_id in self._recordings:
                self._recordings[order.slice_id].end_at = order.end_at
                self._plan_end(self._recordings[order.slice_id])
            case EndRecording() if order.slice_id in self._recordings:
                self._end(self._recordings[order.slice_id])
            case CloseChannel():
                for one in list(self._recordings.values()):
                    self._close_slice(one, "close")
                    self._forget(one)
                self._exit(0)
            case RepairFolder():
                self._repair(order)

    async def event(self) -> Event | None:
        return await self._events.get()

    def kill(self) -> None:
        if not self.exited.done():
            self._die()

    async def ended(self, grace_sec: float) -> int:
        if not self.exited.done():
            self._die()
        return await self.exited

    async def close(self) -> None:
        if not self.exited.done():
            self._die()

    # -- the camera

    def _connect_soon(self) -> None:
        self._loop.call_later(CONNECT_SEC, self.connect)

    def connect(self) -> None:
        """The camera answers, if it is there and somebody wants it."""
        if self.exited.done() or self._online_since is not None or not self.camera_id:
            return
        if self.camera_id in self._cameras.away:
            self._cause = "unreachable"
            self._say(LinkChanged("waiting", "unreachable", "no route to host", 1.0))
            return
        self._online_since = self._clock.monotonic()
        self._say(LinkChanged("online", video="h264 1920x1080"))
        for one in list(self._recordings.values()):
            self._open(one)

    def lose(self, cause: Cause) -> None:
        """No more packets."""
        if self._online_since is None:
            return
        self._online_since, self._cause = None, cause
        for one in self._recordings.values():
            self._close_slice(one, "lost")
            one.lost_at = self._clock.wall()
        going_on = self._reconnect or bool(self._recordings)
        self._say(LinkChanged("waiting" if going_on else "down", cause, "no packet for 5 s", 1.0))

    # -- recordings

    def _open(self, one: _Recording) -> None:
        if self._online_since is None or one.opened is not None:
            return
        now, wall = self._clock.monotonic(), self._clock.wall()
        # The ring reaches back to the recording's begin, at most as far as it is long and the connection old.
        back = max(0.0, min(wall - one.begin_at, RING_SEC, now - self._online_since))
        if one.lost_at is not None:
            back = 0.0
        first_at = wall - back
        if not one.began:
            self._say(RecordingBegan(one.spec.slice_id, first_at))
        since = one.lost_at if one.lost_at is not None else one.begin_at
        if first_at - since > 0.25:
            self._say(GapFound(one.spec.slice_id, since, first_at, self._cause))
        one.began, one.opened = True, (first_at, now - back)
        self._say(SliceOpened(one.spec.slice_id, one.inx, self._open_name(one).filename, first_at))

    def _plan_end(self, one: _Recording) -> None:
        if one.timer is not None:
            one.timer.cancel()
        one.timer = None
        if one.end_at is not None:
            ahead = one.end_at - self._clock.wall()
            one.timer = self._loop.call_at(self._clock.monotonic() + max(0.0, ahead), self._end, one)

    def plan_ends(self) -> None:
        """The wall clock was set."""
        for one in self._recordings.values():
            self._plan_end(one)

    def _end(self, one: _Recording) -> None:
        last = self._close_slice(one, "end")
        if last is None and (since := one.lost_at if one.lost_at is not None else one.begin_at) < self._clock.wall():
            self._say(GapFound(one.spec.slice_id, since, self._clock.wall(), self._cause))
        self._forget(one)
        self._say(RecordingEnded(one.spec.slice_id, last, one.media_sec))

    def _forget(self, one: _Recording) -> None:
        if one.timer is not None:
            one.timer.cancel()
        del self._recordings[one.spec.slice_id]

    def _open_name(self, one: _Recording) -> SliceName:
        assert one.opened is not None
        spec = one.spec
        uid = f"{spec.slice_id:016x}{one.inx:016x}"
        return SliceName(uid, self.camera_id, int(one.opened[0]), spec.course_id, spec.slice_id, one.inx)

    def _facts(self, one: _Recording, lost_sec: float = 0.0) -> SliceFacts:
        assert one.opened is not None
        media_sec = max(0.1, self._clock.monotonic() - one.opened[1] - lost_sec)
        name = self._open_name(one).closed(int(media_sec))
        return SliceFacts(
            stem=name.stem,
            path=str(self._cameras.folder / name.filename),
            thumbnail=None,
            camera_id=self.camera_id,
            course_id=one.spec.course_id,
            slice_id=one.spec.slice_id,
            slice_inx=one.inx,
            started_at=one.opened[0],
            media_sec=media_sec,
            overlap_sec=0.0,
            size=int(media_sec * 100_000),
            sha256=name.stem,
        )

    def _close_slice(self, one: _Recording, reason: str) -> float | None:
        if one.opened is None:
            return None
        facts = self._facts(one)
        self._cameras.finished[Path(facts.path).name] = facts
        one.opened, one.inx, one.media_sec = None, one.inx + 1, one.media_sec + facts.media_sec
        self._say(SliceClosed(facts, reason))
        return facts.started_at + facts.media_sec

    # -- ends

    def _say(self, event: Event) -> None:
        if not self.exited.done():
            self._events.put_nowait(event)

    def _exit(self, status: int) -> None:
        for one in list(self._recordings.values()):
            self._forget(one)
        self._cameras.processes.discard(self)
        self._events.put_nowait(None)
        self.exited.set_result(status)

    def _die(self) -> None:
        for one in self._recordings.values():
            if one.opened is not None:
                name = self._open_name(one).filename
                self._cameras.finished[name] = self._facts(one, LOST_SEC)
                (self._cameras.folder / name).touch()
        self._exit(-9)

    def orphan(self, *, power_cut: bool) -> None:
        """Its daemon is gone, or the power is."""
        if power_cut:
            self._die()
            return
        for one in list(self._recordings.values()):
            self._close_slice(one, "close")
        self._exit(0)

    # -- repair

    def _repair(self, order: RepairFolder) -> None:
        finished = self._cameras.finished
        opened = [path.name for path in self._cameras.folder.iterdir() if path.name.endswith(".part")]
        for name in (*opened, *order.adopt):
            facts = finished.pop(name)
            if name.endswith(".part"):
                named = parse(name)
                assert named is not None
                facts = replace(facts, repaired=True)
            (self._cameras.folder / name).unlink()
            self._say(SliceClosed(facts, "repair" if name in opened else "found"))
        self._say(RepairDone(len(opened)))
        self._exit(0)


class Host(RecorderHost):
    """Makes them."""

    def __init__(self, cameras: Cameras) -> None:
        self._cameras = cameras

    async def spawn(self) -> RecorderProcess:
        return Process(self._cameras, next(self._cameras.numbers))
