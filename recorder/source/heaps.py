"""How long a source that sends in heaps may be silent, learnt from its heaps. No I/O; seconds."""

from __future__ import annotations

from collections import deque

PAUSE_SEC = 1.0
"""After so long a wait another heap begins."""
SILENT_HEAPS = 2.5
"""A playlist's next segment may be one and a half times the target duration away (RFC 8216, 6.2.1), and libav looks for
it half a segment, or a whole one, later (6.3.4).
"""
SILENT_SEC = 300.0
"""But no longer, whatever the stamps say."""
_REMEMBERED = 4  # a slow line tears a heap to pieces, of which the last may be small


class Heaps:
    """How much more media than time came in one go, several times over."""

    def __init__(self) -> None:
        self._lengths: deque[float] = deque(maxlen=_REMEMBERED)
        self._began = self._arrival = 0.0
        self._since = 0.0

    def took(self, arrival: float, at: float) -> None:
        """A packet of a leading track arrived, `at` by its own stamps."""
        if not self._lengths or arrival - self._arrival > PAUSE_SEC or at < self._since:
            self._lengths.append(0.0)
            self._since, self._began = at, arrival
        self._arrival = arrival
        length = at - self._since - (arrival - self._began)
        self._lengths[-1] = max(self._lengths[-1], length)

    @property
    def silence_sec(self) -> float:
        """So long nothing may come after heaps like these."""
        return min(SILENT_SEC, SILENT_HEAPS * max(self._lengths, default=0.0))
