"""The channel's picture: when one is due, and from which stream it is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from recorder.clocks import monotonic
from recorder.protocol import Event, SnapshotTaken
from recorder.slices.finisher import Finisher
from recorder.stream.stream import Stream

_PACKETS = 4  # a decoder may want a few more packets to give its first picture


class Snapshots:
    """One at the first key frame of each connection, then every `snap_sec` seconds (0: none), and when asked for.

    `tick` and `take` are called by the main thread, `lost` and `key_frame` by reading threads; the decoding is the
    finisher's.  `shown` gives the streams that can show the room at this moment, the preferred one first.
    """

    def __init__(
        self,
        path: Path,
        snap_sec: float,
        finisher: Finisher,
        emit: Callable[[Event], None],
        shown: Callable[[], Sequence[Stream]],
    ) -> None:
        self.snap_sec = snap_sec
        self._path = path
        self._finisher = finisher
        self._emit = emit
        self._shown = shown
        self._due = snap_sec > 0  # set by the clock, taken by a reader at its next key frame
        self._taken_at = 0.0
        self._seen_by: Stream | None = None  # where the last picture came from, while that is connected

    def tick(self, now: float) -> None:
        """Time passes, monotonic seconds."""
        if self.snap_sec > 0 and now - self._taken_at >= self.snap_sec:
            self._due = True

    def lost(self, stream: Stream) -> None:
        """A source was lost, or did not come up: the first picture after the loss is due, from whichever gives it."""
        if stream is self._seen_by:
            self._seen_by = None
            self._due = self.snap_sec > 0

    def key_frame(self, stream: Stream) -> None:
        """A key frame came by this stream: a picture that is due is taken from it."""
        if self._due and stream is self._shown()[0]:
            self._due = False
            self.take("")

    def take(self, request: str) -> None:
        """Take the picture now, from the newest key frame that there is; `request` names who asked, "" nobody."""
        for stream in self._shown():
            if group := [timed.packet for timed in stream.key_group()]:
                self._seen_by = stream
                self._finisher.snapshot(group[:_PACKETS], self._path, request, self._done)
                return
        if request:
            self._emit(SnapshotTaken(str(self._path), request=request, error="the camera sends no picture"))

    def _done(self, made: bool) -> None:
        self._taken_at = monotonic()
        if not made:
            self._due = True  # with the next key frame
