"""Recorder processes as the daemon has them: a fork server, and the other end of each recorder's socket."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TypeVar

from recorder.protocol import (
    CloseChannel,
    Event,
    FeedLive,
    LinkChanged,
    LiveChanged,
    OpenChannel,
    Order,
    PushLive,
    decode,
    encode,
)
from recorder.specs import SourceSpec, Tuning

E = TypeVar("E")
LIMIT_SEC = 15.0


class Recorder:
    """The daemon's end. `until` reads events up to one of a kind and keeps them all in `events`."""

    def __init__(self, sock: socket.socket, pid: int) -> None:
        self.pid = pid
        self.events: list[Event] = []
        self.sock = sock
        sock.settimeout(LIMIT_SEC)
        self._lines = sock.makefile("rb")

    def order(self, order: Order, descriptor: int | None = None) -> None:
        socket.send_fds(self.sock, [encode(order)], [] if descriptor is None else [descriptor])

    def until(self, kind: type[E]) -> E:
        while True:
            event = self._next()
            assert event is not None, f"the recorder ended before any {kind.__name__}: {self.events}"
            if isinstance(event, kind):
                return event

    def drain(self) -> None:
        while self._next() is not None:
            pass

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def close(self) -> None:
        self._lines.close()
        self.sock.close()

    def _next(self) -> Event | None:
        line = self._lines.readline()
        if not line:
            return None
        event = decode(line)
        self.events.append(event)  # type: ignore[arg-type]  # orders never come from this side
        return event  # type: ignore[return-value]


class Forks:
    """A fork server, as the daemon uses it."""

    def __init__(self) -> None:
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(LIMIT_SEC)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "recorder.process.forkserver", str(theirs.fileno())], pass_fds=[theirs.fileno()]
        )
        theirs.close()
        self.recorders: list[Recorder] = []
        self._exits: deque[dict[str, int]] = deque()

    def spawn(self) -> Recorder:
        ours, theirs = socket.socketpair()
        socket.send_fds(self.sock, [json.dumps({"id": 17}).encode()], [theirs.fileno()])
        theirs.close()
        while "id" not in (answer := self._read()):
            self._exits.append(answer)
        self.recorders.append(Recorder(ours, answer["pid"]))
        return self.recorders[-1]

    def said(self) -> dict[str, int]:
        """The next exit."""
        return self._exits.popleft() if self._exits else self._read()

    def _read(self) -> dict[str, int]:
        said: dict[str, int] = json.loads(self.sock.recv(4096))
        return said

    def close(self) -> None:
        for recorder in self.recorders:
            recorder.close()
        self.sock.close()
        assert self.process.wait(LIMIT_SEC) == 0


def channel(folder: Path, location: Path, *, reconnect: bool = True, tuning: Tuning | None = None) -> OpenChannel:
    """A channel that plays a file, records into `folder` and puts its picture beside it."""
    return OpenChannel(
        camera_id=7,
        name="room 7",
        main=SourceSpec("file", str(location)),
        folder=str(folder),
        snapshot_path=str(folder.parent / "live_7.jpg"),
        tuning=tuning or Tuning(slice_sec=2, inter_val=1),
        reconnect=reconnect,
    )


def online(forks: Forks, order: OpenChannel) -> Recorder:
    """A recorder that has its camera."""
    recorder = forks.spawn()
    recorder.order(order)
    while recorder.until(LinkChanged).state != "online":
        pass
    return recorder


def pushed(forks: Forks, recorder: Recorder, url: str, token: str = "", ca_file: str = "") -> Recorder:
    """A live process that this recorder feeds."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        live = forks.spawn()
        live.order(PushLive(url, token, ca_file), theirs.fileno())
        recorder.order(FeedLive(), ours.fileno())
    return live


def until_state(live: Recorder, state: str) -> LiveChanged:
    """Read on until the push has this state."""
    while (changed := live.until(LiveChanged)).state != state:
        assert changed.state != "ended", changed
    return changed


def close(forks: Forks, *recorders: Recorder) -> None:
    """End them, one after the other."""
    for recorder in recorders:
        recorder.order(CloseChannel())
        recorder.drain()
        assert forks.said() == {"exited": recorder.pid, "status": 0}
