"""What a source is."""

from __future__ import annotations

from typing import Protocol

from recorder.packets import Packet, Track


class Source(Protocol):
    """One connection to one camera.

    Used by one thread: `open`, `read` until it raises, `close`; only `interrupt` may come from another.
    """

    def open(self) -> tuple[Track, ...]:
        """Connect and find the tracks, at most one video and one audio, unusable ones dropped and named in `dropped`.

        Raises `SourceError` with the cause when nothing recordable was found within the connect limit.
        """
        ...

    @property
    def dropped(self) -> tuple[str, ...]:
        """Tracks that were left out, each with the reason, for people."""
        ...

    @property
    def stall_sec(self) -> float:
        """How long a silence of an opened source may last before `read` takes it for a stall; inf for ever."""
        ...

    def read(self) -> Packet:
        """The next packet, stamps as the camera gave them.

        Raises `SourceError`: `stalled` after the stall limit, `ended` at the end.
        """
        ...

    def interrupt(self) -> None:
        """Make a blocked `read` or `open` raise `SourceError("stopped", ...)` soon, within the stall limit.

        Any thread may call it.
        """
        ...

    def close(self) -> None:
        """Let go of the connection. Only the reading thread calls it: closing under a blocked read crashes libav."""
        ...
