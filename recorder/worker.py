"""The recorder process: one channel, or one repair run, between an inherited socket and the disk.

    python -m recorder.worker FD      (the fork server calls `run` instead)

SIGTERM and SIGINT are ignored: the daemon decides when a recorder ends, by an order or by closing the socket.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from recorder.channel_clock import ChannelClock
from recorder.daemon_link import DaemonLink
from recorder.errors import ProtocolError
from recorder.feed import Feed
from recorder.finisher import Finisher
from recorder.protocol import (
    BeginRecording,
    Cause,
    CloseChannel,
    EndRecording,
    Event,
    MoveEnd,
    OpenChannel,
    Order,
    Pulse,
    RepairFolder,
    Retune,
    SetReconnect,
    SnapshotTaken,
    TakeSnapshot,
    Trouble,
)
from recorder.reader import Reader
from recorder.recording import Surroundings
from recorder.repair import repair_folder
from recorder.ring import Ring
from recorder.timeline import Timeline
from recorder.writer import Writer

FAILED = 70
"""The exit status of a recorder that met a defect (`EX_SOFTWARE`)."""
PULSE_SEC = 1.0
READER_END_SEC = 2.0
"""The reader may hang in a library that cannot be interrupted; the files are closed before it is waited for."""
_SNAPSHOT_PACKETS = 4  # a decoder may want a few more packets to give its first picture


class Channel:
    """A camera and everything that is made of it; used by the main thread."""

    def __init__(self, order: OpenChannel, link: DaemonLink) -> None:
        self._order = order
        self._link = link
        self._tuning = order.tuning
        self._reconnect = order.reconnect
        limits = order.limits
        self._timeline = Timeline()
        clock = ChannelClock(self._timeline)
        self._feed = Feed(Ring(limits.ring_sec, limits.ring_bytes), limits.queue_bytes)
        self._finisher = Finisher(link.tell)
        folder = Path(order.folder)
        around = Surroundings(order.camera_id, folder, limits, clock, self._finisher, link.tell, self._feed.since)
        self._writer = Writer(self._feed, around, order.tuning, self._cause)
        self._snapshot_due = self._tuning.snap_sec > 0  # set by the clock, taken by the reader at the next key frame
        self._snapshot_at = 0.0
        self._next_pulse = time.monotonic() + PULSE_SEC
        self._reader = Reader(
            order.main,
            limits,
            self._timeline,
            self._feed,
            emit=link.tell,
            wanted=lambda: self._reconnect or self._writer.busy,
            lost=self._source_lost,
            key_frame=self._key_frame,
        )
        self._reader.start()

    def obey(self, order: Order | Event) -> None:
        """Carry out an order for a channel that is open."""
        match order:
            case BeginRecording():
                self._writer.begin(order)
                self._reader.wake()
            case MoveEnd():
                self._writer.move_end(order)
            case EndRecording():
                self._writer.end(order.slice_id)
            case Retune():
                self._tuning = order.tuning
                self._writer.retune(order.tuning)
            case SetReconnect():
                self._reconnect = order.reconnect
                self._reader.wake()
            case TakeSnapshot():
                self._snapshot(order.request)
            case _:
                raise ProtocolError(f"{type(order).__name__} is no order for an open channel")

    def tick(self) -> float:
        """Once in a while; seconds until it wants to be called again."""
        now = time.monotonic()
        if now >= self._next_pulse:
            self._next_pulse = max(self._next_pulse + PULSE_SEC, now)
            self._reader.watch(now)
            self._pulse(now)
            snap_sec = self._tuning.snap_sec
            if snap_sec > 0 and now - self._snapshot_at >= snap_sec:
                self._snapshot_due = True
        return max(0.0, self._next_pulse - now)

    def close(self) -> None:
        """Finish all slices and tell them, then let go of the source."""
        self._writer.close()
        self._finisher.join()
        self._reader.close(READER_END_SEC)

    def _pulse(self, now: float) -> None:
        reader, last = self._reader, self._reader.last_arrival
        self._link.tell(
            Pulse(
                packets=reader.packets,
                received_bytes=reader.received_bytes,
                packet_age_sec=None if last is None else round(max(0.0, now - last), 3),
                queued_bytes=self._feed.queued_bytes,
                recording=self._writer.running,
                recorded_sec=round(self._writer.recorded_sec, 3),
                repaired_stamps=self._timeline.repairs.total,
            )
        )

    def _cause(self) -> Cause:
        return "packet_loss" if self._reader.online else self._reader.cause

    def _source_lost(self, cause: Cause) -> None:
        self._snapshot_due = self._tuning.snap_sec > 0  # the first picture after the next connection
        self._writer.source_lost(cause)

    def _key_frame(self) -> None:
        """In the reader: a picture that is due is taken from the newest key frame."""
        if self._snapshot_due:
            self._snapshot_due = False
            self._snapshot("")

    def _snapshot(self, request: str) -> None:
        group = [
            timed.packet for timed in self._feed.last_group() if timed.leads and timed.packet.track.kind == "video"
        ]
        path = Path(self._order.snapshot_path)
        if not group or not self._reader.online:
            if request:
                self._link.tell(SnapshotTaken(str(path), request=request, error="the camera sends no picture"))
            return
        self._finisher.snapshot(group[:_SNAPSHOT_PACKETS], path, request, self._snapshot_done)

    def _snapshot_done(self, made: bool) -> None:
        self._snapshot_at = time.monotonic()
        if not made:
            self._snapshot_due = True  # with the next key frame


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
                    repair_folder(Path(order.folder), order.adopt, link.tell)
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
