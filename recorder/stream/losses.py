"""Lost packets in words: counted always, told at once and then once a minute at most."""

from __future__ import annotations

from recorder.packets import TrackKind

TELL_SEC = 60.0
_NAMES = {"video": "picture", "audio": "sound"}


class Losses:
    """What the network lost of a stream. `packets` counts all of it, in RTP packets."""

    def __init__(self) -> None:
        self.packets = 0
        self._untold: dict[str, int] = {}
        self._told_at: float | None = None

    def add(self, kind: TrackKind, packets: int, now: float) -> str:
        """So many were lost, seen at monotonic `now`; a sentence for people when it is time for one, else empty."""
        self.packets += packets
        self._untold[kind] = self._untold.get(kind, 0) + packets
        if self._told_at is not None and now - self._told_at < TELL_SEC:
            return ""
        return self.tell(now)

    def tell(self, now: float) -> str:
        """What was not told yet; empty where there is nothing."""
        if not self._untold:
            return ""
        parts = " and ".join(f"{count} of the {_NAMES[kind]}" for kind, count in sorted(self._untold.items()))
        self._untold.clear()
        self._told_at = now
        return f"packets lost between camera and recorder: {parts}; frames that miss any are not recorded"
