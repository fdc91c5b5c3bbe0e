"""A condition that must last before it is an alarm, and must be over for a while before the alarm is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """The alarm was raised, or cleared; `since` is when the condition that led to it began."""

    raised: bool
    since: float


class Latch:
    """Raised when what is bad has lasted `raise_sec`, cleared when what is good has lasted `clear_sec`.

    All times are those of one clock, in seconds, and never go back.  `raised_since` is set while the alarm stands; an
    alarm that already stands (of a process before this one) is handed in.
    """

    def __init__(self, raise_sec: float, clear_sec: float, raised_since: float | None = None) -> None:
        self.raised_since = raised_since
        self._raise_sec = raise_sec
        self._clear_sec = clear_sec
        self._is_bad = raised_since is not None
        self._contrary_since: float | None = None  # when what was seen began to speak against the present state

    def see(self, at: float, bad: bool | None, began: float | None = None) -> Turn | None:
        """What is seen at `at`: bad, good, or (None) between the two, which is taken for more of the same.

        `began`: the same is known to have been the case since then.
        """
        if bad is not None:
            self._is_bad = bad
        raised = self.raised_since is not None
        if self._is_bad == raised:
            self._contrary_since = None
            return None
        if self._contrary_since is None:
            self._contrary_since = at if began is None else began
        since = self._contrary_since
        if at - since < (self._clear_sec if raised else self._raise_sec):
            return None
        self._contrary_since = None
        self.raised_since = since if self._is_bad else None
        return Turn(self._is_bad, since)

    def pause(self) -> None:
        """Nothing can be seen for a while: what was beginning begins anew, what stands goes on standing."""
        self._contrary_since = None
        self._is_bad = self.raised_since is not None
