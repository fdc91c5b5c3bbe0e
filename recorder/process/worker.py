"""The recorder process: one channel, one live push or one repair run, at the other end of an inherited socket.

    python -m recorder.process.worker FD      (the fork server calls `run` instead)

SIGTERM and SIGINT are ignored: the daemon decides when a recorder ends, by an order or by closing the socket.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path

from recorder.clocks import monotonic
from recorder.daemon_link import DaemonLink
from recorder.errors import ProtocolError
from recorder.live.push import push
from recorder.live.tap import Taps
from recorder.process.probe import probe
from recorder.process.snapshots import Snapshots
from recorder.process.watcher import Watcher
from recorder.protocol import (
    BeginRecording,
    CloseChannel,
    EndRecording,
    Event,
    FeedLive,
    MoveEnd,
    NeedMain,
    OpenChannel,
    Order,
    ProbeSource,
    Pulse,
    PushLive,
    RepairFolder,
    Retune,
    SetReconnect,
    TakeSnapshot,
    Trouble,
)
from recorder.slices.finisher import Finisher
from recorder.slices.recording import Surroundings
from recorder.slices.repair import repair_folder
from recorder.slices.writer import Writer
from recorder.specs import Cause
from recorder.stream.feed import Feed
from recorder.stream.refusals import Refusals
from recorder.stream.stream import Stream, limits_of_sub

FAILED = 70
"""The exit status of a recorder that met a defect (`EX_SOFTWARE`)."""
PULSE_SEC = 1.0
STAND_IN_SEC = 10.0
"""A main stream that rests is connected when the sub stream has been away for so long."""
READER_END_SEC = 2.0
"""The reader may hang in a library that cannot be interrupted; the files are closed before it is waited for."""


class Channel:
    """A camera and everything that is made of it; used by the main thread.

    The main stream is recorded.  The sub stream, where there is one, feeds live and pictures while it is online.
    """

    def __init__(self, order: OpenChannel, link: DaemonLink) -> None:
        self._link = link
        self._reconnect = order.reconnect
        self._need_main = order.need_main
        limits = order.limits
        refusals = Refusals(limits.refused_sec)
        self._finisher = Finisher(link.tell)
        self._snapshots = Snapshots(
            Path(order.snapshot_path), order.tuning.snap_sec, self._finisher, link.tell, self._shown
        )
        self._watcher = Watcher(order.watching, order.alarms, self._finisher, link.tell, self._watched)
        self._main = Stream(
            "main",
            order.main,
            limits,
            emit=link.tell,
            needed=self._needs_main,
            wanted=self._wanted,
            lost=self._lost,
            key_frame=self._key_frame,
            refusals=refusals,
        )
        self._sub: Stream | None = None
        if order.sub is not None:
            self._sub = Stream(
                "sub",
                order.sub,
                limits_of_sub(limits),
                emit=link.tell,
                needed=lambda: True,
                wanted=self._wanted,
                lost=self._lost,
                key_frame=self._key_frame,
                refusals=refusals,
            )
        self._streams = tuple(stream for stream in (self._main, self._sub) if stream is not None)
        around = Surroundings(
            order.camera_id,
            Path(order.folder),
            limits,
            self._main.clock,
            self._finisher,
            link.tell,
            self._main.feed.since,
        )
        self._writer = Writer(self._main.feed, around, order.tuning, self._cause, lambda: self._main.reader.heap_sec)
        self._taps = Taps(self.live_feed)
        self._next_pulse = monotonic() + PULSE_SEC
        for stream in self._streams:
            stream.reader.start()

    def obey(self, order: Order | Event) -> None:
        """Carry out an order for a channel that is open."""
        match order:
            case BeginRecording():
                self._writer.begin(order)
                self._wake()
            case MoveEnd():
                self._writer.move_end(order)
            case EndRecording():
                self._writer.end(order.slice_id)
            case Retune():
                self._snapshots.snap_sec = order.tuning.snap_sec
                self._writer.retune(order.tuning)
            case SetReconnect():
                self._reconnect = order.reconnect
                self._wake()
            case NeedMain():
                self._need_main = order.needed
                self._wake()
            case TakeSnapshot():
                self._snapshots.take(order.request)
            case FeedLive():
                self._taps.open(self._link.take_descriptor())
            case _:
                raise ProtocolError(f"{type(order).__name__} is no order for an open channel")

    def tick(self) -> float:
        """Once in a while; seconds until it wants to be called again."""
        now = monotonic()
        if now >= self._next_pulse:
            self._next_pulse = max(self._next_pulse + PULSE_SEC, now)
            for stream in self._streams:
                stream.reader.watch(now)
            self._pulse(now)
            self._snapshots.tick(now)
            self._watcher.tick(now)
            self._taps.tick()
        return max(0.0, self._next_pulse - now)

    def live_feed(self) -> Feed:
        """What a viewer is to see: the sub stream while it is online, else the main stream."""
        return self._shown()[0].feed

    def close(self) -> None:
        """Finish all slices and tell them, then let go of the sources."""
        self._taps.close()
        self._writer.close()
        self._finisher.join()
        for stream in self._streams:
            stream.reader.close(READER_END_SEC)

    def _shown(self) -> tuple[Stream, ...]:
        return (self._sub, self._main) if self._sub is not None and self._sub.online else (self._main,)

    def _wake(self) -> None:
        for stream in self._streams:
            stream.reader.wake()

    def _wanted(self) -> bool:
        return self._reconnect or self._writer.busy

    def _needs_main(self) -> bool:
        if self._sub is None or self._need_main or self._writer.busy:
            return True
        # Somebody may want to see the room: the main stream stands in for a sub stream that stays away.
        return self._sub.away_sec(monotonic()) > STAND_IN_SEC

    def _pulse(self, now: float) -> None:
        reader = self._main.reader
        last = reader.last_arrival if self._needs_main() else None
        self._link.tell(
            Pulse(
                packets=reader.packets,
                received_bytes=reader.received_bytes,
                packet_age_sec=None if last is None else round(max(0.0, now - last), 3),
                queued_bytes=self._main.feed.queued_bytes,
                recording=self._writer.running,
                recorded_sec=round(self._writer.recorded_sec, 3),
                repaired_stamps=self._main.timeline.repairs.total,
                heap_sec=round(reader.heap_sec, 3) if reader.online else 0.0,
            )
        )

    def _cause(self) -> Cause:
        return "packet_loss" if self._main.online else self._main.reader.cause

    def _watched(self) -> Stream:
        """What is recorded is what is watched; what is shown, while the main stream rests."""
        return self._main if self._main.online or self._sub is None or self._needs_main() else self._sub

    def _key_frame(self, stream: Stream) -> None:
        self._snapshots.key_frame(stream)
        self._watcher.key_frame(stream)

    def _lost(self, stream: Stream, cause: Cause) -> None:
        self._snapshots.lost(stream)
        self._watcher.lost(stream)
        if stream is self._main:
            self._writer.source_lost(cause)


def run(sock: socket.socket) -> None:
    """Serve the daemon at the other end until it is satisfied or gone."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    threading.excepthook = _thread_died
    link = DaemonLink(sock)
    try:
        channel = _first_order(link)
        if channel is not None:
            _serve(channel, link)
    except ProtocolError as error:
        link.tell(Trouble("protocol", str(error)))
    link.flush(1.0)
    link.close()


def _thread_died(args: threading.ExceptHookArgs) -> None:
    """A recorder without one of its threads looks alive and records nothing: the daemon is to start another."""
    threading.__excepthook__(args)
    sys.stderr.flush()
    os._exit(FAILED)


def _first_order(link: DaemonLink) -> Channel | None:
    """Wait for the order that says what this process is; None when there is nothing to serve after it."""
    while not link.ended:
        for order in link.listen(PULSE_SEC):
            match order:
                case OpenChannel():
                    return Channel(order, link)
                case RepairFolder():
                    repair_folder(Path(order.folder), order.adopt, link.tell_at_once, order.skip)
                    return None
                case PushLive():
                    push(order, link)
                    return None
                case ProbeSource():
                    link.tell(probe(order))
                    return None
                case CloseChannel():
                    return None
                case _:
                    raise ProtocolError(f"{type(order).__name__} before OpenChannel")
    return None


def _serve(channel: Channel, link: DaemonLink) -> None:
    try:
        while not link.ended:
            for order in link.listen(channel.tick()):
                if isinstance(order, CloseChannel):
                    return
                channel.obey(order)
    finally:
        channel.close()


def main() -> None:
    """The process as the fork server, or a test, starts it with the descriptor of its socket."""
    run(socket.socket(fileno=int(sys.argv[1])))
    # A reader that hangs in a library must not hold the process.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    assert threading.current_thread() is threading.main_thread()
    main()
