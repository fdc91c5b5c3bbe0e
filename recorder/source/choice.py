"""Which of two readers takes an RTSP camera: ours, or FFmpeg's behind it where ours does not understand the camera.

Remembered for each address as long as the process lives, so that a camera is not tried in vain at every reconnect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from recorder.errors import SourceError
from recorder.packets import Packet, Track
from recorder.source.base import Source
from recorder.source.rtsp.problems import NotOurs

ReaderName = Literal["own", "libav"]
DOUBTS = 2
"""So many connections in a row that came to nothing for no telling reason, and the other reader is tried."""
STRIKES = 3
"""So often something that our reader does not understand may turn up in a camera that it has read before: a torn packet
looks like another codec, and FFmpeg's reader names no loss.
"""
_DOUBTFUL = frozenset(("timeout", "ended", "unusable"))


@dataclass(slots=True)
class Choice:
    """What is known of one camera. Plain state: `next` before each connection, then what came of it."""

    settled: ReaderName | None = None
    reason: str = ""
    told: bool = False
    doubts: int = 0
    strikes: int = 0
    helped: bool = False

    @property
    def next(self) -> ReaderName:
        """The reader for the next connection."""
        if self.settled is not None:
            return self.settled
        return "libav" if self.doubts > 0 and self.doubts % (DOUBTS + 1) == DOUBTS else "own"

    def opened(self, reader: ReaderName) -> None:
        """This reader found the tracks.

        FFmpeg's must have done so twice where ours failed without a telling reason: a camera that was only just
        starting would else be left to it for as long as this process lives.
        """
        if reader == "own" or (self.helped and self.settled is None):
            self.settled = reader
        self.helped = self.helped or reader == "libav"
        self.doubts = 0

    def failed(self, reader: ReaderName, error: SourceError) -> None:
        """It did not, or met something later."""
        if isinstance(error, NotOurs):
            self.strikes += 1
            if self.settled != "own" or self.strikes >= STRIKES:
                self.settled = "libav"
            self.reason, self.doubts = str(error), 0
        elif self.settled is None and error.cause in _DOUBTFUL:
            self.doubts += 1
            if reader == "own":
                self.reason = str(error)

    def tell(self, reader: ReaderName) -> str:
        """A sentence for people, once: that FFmpeg's reader reads this camera, and why. Empty otherwise."""
        if reader != "libav" or self.told:
            return ""
        self.told = True
        return f"read by FFmpeg's reader instead of our own: {self.reason}"


@dataclass(slots=True)
class Memory:
    """The choices of a process, by address and transport."""

    _choices: dict[tuple[str, str], Choice] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, location: str, transport: str) -> Choice:
        """What is known of this camera."""
        with self._lock:
            return self._choices.setdefault((location, transport), Choice())


class AutoSource:
    """`Source` by the reader that fits. `make` gives a source that is not yet opened."""

    def __init__(self, choice: Choice, make: Callable[[ReaderName], Source]) -> None:
        self._choice = choice
        self._make = make
        self._reader: ReaderName = choice.next
        self._source = make(self._reader)
        self._lock = threading.Lock()
        self._interrupted = False
        self._said: tuple[str, ...] = ()

    @property
    def dropped(self) -> tuple[str, ...]:
        """Tracks that were left out, and once that it is FFmpeg that reads."""
        return (*self._said, *self._source.dropped)

    @property
    def stall_sec(self) -> float:
        """That of the reader in use."""
        return self._source.stall_sec

    def open(self) -> tuple[Track, ...]:
        """See `Source.open`. What our reader does not understand goes to the other one at once."""
        try:
            tracks = self._attempt()
        except NotOurs:
            self._change()
            tracks = self._attempt()
        if sentence := self._choice.tell(self._reader):
            self._said = (sentence,)
        return tracks

    def read(self) -> Packet:
        """See `Source.read`. What our reader does not understand ends the connection; the next one is the other's."""
        try:
            return self._source.read()
        except NotOurs as error:
            self._choice.failed(self._reader, error)
            raise

    def interrupt(self) -> None:
        """See `Source.interrupt`."""
        with self._lock:
            self._interrupted = True
            self._source.interrupt()

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()

    def _attempt(self) -> tuple[Track, ...]:
        try:
            tracks = self._source.open()
        except SourceError as error:
            self._choice.failed(self._reader, error)
            raise
        self._choice.opened(self._reader)
        return tracks

    def _change(self) -> None:
        self._source.close()
        with self._lock:
            self._reader = "libav"
            self._source = self._make("libav")
            if self._interrupted:
                self._source.interrupt()
