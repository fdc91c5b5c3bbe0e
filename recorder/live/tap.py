"""In the recorder process: packets on their way to live processes. Nothing here ever waits in the reader's thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from recorder.clocks import monotonic
from recorder.live.backlog import Backlog
from recorder.live.framing import LiveTrack, packet_head, skipped_frame, tracks_frame
from recorder.packets import Track
from recorder.stream.feed import Feed
from recorder.stream.timeline import Lineup, Timed

BACKLOG_BYTES = 8 << 20
UNSENT_BYTES = 64 << 10
"""What lies between the two processes is as late as what waits here, and cannot be left out any more."""
BACKLOG_SEC = 5.0
"""A viewer who is further behind than this jumps to the newest picture."""


class Tap:
    """One live process's share of the packets. A thread of its own sends, and ends when the other side is gone.

    It begins with the last key frame in the ring of the feed it hangs on.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES)
        self._sock = sock
        self._backlog = Backlog(BACKLOG_BYTES, BACKLOG_SEC)
        self._changed = threading.Condition()
        self._feed: Feed | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="live tap", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether somebody takes the packets."""
        return self._thread.is_alive()

    def hang_on(self, feed: Feed) -> None:
        """Take packets from this feed from now on; the same one again changes nothing."""
        if feed is self._feed:
            return
        if self._feed is not None:
            self._feed.detach(self._put)
        self._feed = feed
        with self._changed:
            self._backlog.restart()
        feed.attach(self._put)

    def close(self) -> None:
        """Let go of feed and socket; does not wait for what is being sent."""
        if self._feed is not None:
            self._feed.detach(self._put)
        with self._changed:
            self._closing = True
            self._changed.notify()
        # Ends a send that waits; the descriptor itself is closed by the thread that uses it.
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was faster

    def _put(self, timed: Timed) -> None:
        with self._changed:
            self._backlog.put(timed, monotonic())
            self._changed.notify()

    def _next(self) -> tuple[Timed | None, int]:
        with self._changed:
            while not self._closing:
                timed = self._backlog.take()
                if timed is not None:
                    return timed, self._backlog.skipped
                self._changed.wait()
        return None, 0

    def _run(self) -> None:
        lineup: Lineup | None = None
        numbers: dict[Track, int] = {}
        told_skipped = 0
        with self._sock:
            try:
                while True:
                    timed, skipped = self._next()
                    if timed is None:
                        return
                    if timed.lineup is not lineup:
                        lineup = timed.lineup
                        numbers = {track: number for number, track in enumerate(lineup.tracks)}
                        self._sock.sendall(tracks_frame(tuple(map(LiveTrack.of, lineup.tracks))))
                    if skipped != told_skipped:
                        told_skipped = skipped
                        self._sock.sendall(skipped_frame(skipped))
                    if (number := numbers.get(timed.packet.track)) is not None:
                        self._sock.sendall(packet_head(timed.packet, number))
                        self._sock.sendall(timed.packet.data)
            except OSError:
                return  # the live process is gone


class Taps:
    """All taps of a channel, used by the main thread. `feed` says what a viewer is to see at this moment."""

    def __init__(self, feed: Callable[[], Feed]) -> None:
        self._feed = feed
        self._taps: list[Tap] = []

    def open(self, descriptor: int) -> None:
        """Feed the live process at the other end of this socket until it is gone."""
        tap = Tap(socket.socket(fileno=descriptor))
        tap.hang_on(self._feed())
        self._taps.append(tap)

    def tick(self) -> None:
        """Once in a while: who is gone is forgotten, who stays follows when the sub stream comes or goes."""
        feed = self._feed() if self._taps else None
        for tap in list(self._taps):
            if not tap.alive:
                tap.close()
                self._taps.remove(tap)
            elif feed is not None:
                tap.hang_on(feed)

    def close(self) -> None:
        """Nothing is fed any more."""
        for tap in self._taps:
            tap.close()
        self._taps.clear()
