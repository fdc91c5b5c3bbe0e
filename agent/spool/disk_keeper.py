"""The disk of the recordings, kept: room is made, what comes is reckoned, and what is wrong is told once, by name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import tzinfo

from agent.clock import Clock
from agent.journal import Journal, JournalThread, SliceRow, SliceState
from agent.spool.disk import (
    AHEAD_SEC,
    Coming,
    DiskPolicy,
    DiskState,
    DiskVerdict,
    MediaFacts,
    byte_rates,
    judge,
    remove_files,
    to_give_up,
    to_remove,
)
from agent.spool.media import Media
from agent.state import AgentState
from agent.status import DiskView, Happening

log = logging.getLogger(__name__)

LOOK_SEC = 5.0
"""A disk that goes away or turns read-only is known after this long."""
TIDY_SEC = 60.0
"""So often room is made, a probe is written, and the coming lessons are reckoned."""
STUCK_SEC = 600.0
"""How long a file rests that could not be deleted."""
ANSWER_SEC = 30.0
"""A network share that has not answered a look for this long is failing."""
_SAYS: dict[DiskState, str] = {
    "well": "the disk of the recordings is well again",
    "low": "less than the reserve is free on the disk of the recordings, and nothing on it may be deleted",
    "full": "the disk of the recordings is full",
    "read_only": "the disk of the recordings is read-only: nothing can be recorded",
    "failing": "the disk of the recordings takes nothing",
    "missing": "the disk of the recordings is not there: nothing can be recorded",
}


def coming(state: AgentState, zone: tzinfo, now: float, until: float) -> list[Coming]:
    """What is on or begins before `until`: lessons, and recordings by hand, which may go on and on."""
    lessons = [
        Coming(one.key, one.course.camera_id, one.start, one.end, one.course.title)
        for one in state.timetable(zone).lessons_between(now, until)
    ]
    by_hand = [
        Coming(one.key, one.camera_id, one.begin, until if one.end is None else one.end, one.title)
        for one in state.manual
        if one.end is None or one.end > now
    ]
    return lessons + by_hand


class DiskKeeper:
    """`lessons(until)` gives what is on or begins before `until`; `on_room` is called when things were deleted."""

    def __init__(
        self,
        media: Media,
        policy: DiskPolicy,
        journal: JournalThread,
        clock: Clock,
        *,
        lessons: Callable[[float], Sequence[Coming]],
        tell: Callable[[Happening], None],
        on_room: Callable[[], None],
    ) -> None:
        self.facts = MediaFacts()
        self.verdict = DiskVerdict("well")
        self._media, self.policy, self._journal, self._clock = media, policy, journal, clock
        self._lessons, self._tell, self._on_room = lessons, tell, on_room
        self._deletable = 0
        self._rates: dict[int, float] = {}
        self._told: tuple[DiskState, str] = ("well", "")
        self._tidy_at = 0.0
        self._look: asyncio.Task[MediaFacts] | None = None
        self._stuck: set[str] = set()
        self._stuck_until = 0.0

    @property
    def tight(self) -> bool:
        """Whether recordings had better leave this disk soon: uploads may then go at any hour."""
        return self.verdict.state in ("short", "low", "full")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(LOOK_SEC)

    async def turn(self) -> None:
        """One look, and what follows from it."""
        tidy = self._clock.monotonic() >= self._tidy_at
        self.facts = await self._facts(write=tidy)
        # A disk that is short of room is looked after at every turn, until it is not.
        if tidy or self.tight or self.facts.free < self.policy.reserve:
            self._tidy_at = self._clock.monotonic() + TIDY_SEC
            self._rates = byte_rates(await self._journal.do(Journal.recent_sizes))
            await self._make_room()
        now = self._clock.wall()
        self.verdict = judge(
            self.facts,
            self.policy,
            self._deletable,
            lessons=self._lessons(now + AHEAD_SEC),
            rates=self._rates,
            now=now,
        )
        self._tell_changes()

    async def _facts(self, *, write: bool) -> MediaFacts:
        """A look in a thread of its own; one that hangs is not asked again before it has returned."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(asyncio.to_thread(self._media.look, write=write), name="look at the disk")
        done, _ = await asyncio.wait((self._look,), timeout=ANSWER_SEC)
        if not done:
            return replace(self.facts, error=f"{self._media.root} does not answer")
        return self._look.result()

    async def _make_room(self) -> None:
        used, confirmed = await self._journal.do(Journal.on_disk)
        if self.facts.missing or self.facts.read_only:
            return
        gone = await self._remove(confirmed, used)
        confirmed = [row for row in confirmed if row.stem not in self._stuck]
        freed = sum(row.size for row in gone)
        self._deletable = sum(row.size for row in confirmed) - freed
        self.facts = replace(self.facts, free=self.facts.free + freed)
        if self.policy.unsent_may_go and self.facts.free < self.policy.reserve:
            await self._give_up(await self._journal.do(Journal.slices_in, SliceState.RECORDED, 1000))
        if gone:
            self._on_room()

    async def _remove(self, confirmed: Sequence[SliceRow], used: int) -> list[SliceRow]:
        """What left the disk. A file that the system does not let go holds up no other, and is tried again later."""
        if self._clock.monotonic() >= self._stuck_until:
            self._stuck.clear()
        may_go = [row for row in confirmed if row.stem not in self._stuck]
        chosen = to_remove(self.policy, self.facts.free, used, may_go)
        stems, stuck = await asyncio.to_thread(remove_files, chosen)
        for stem in stems:
            await self._journal.do(Journal.advance, stem, SliceState.REMOVED)
        if stems:
            log.info("%d confirmed slices left the local disk to make room", len(stems))
        if stuck:
            self._stuck.update(stuck)
            self._stuck_until = self._clock.monotonic() + STUCK_SEC
            log.error(
                "%d confirmed slices cannot be deleted to make room, tried again in %.0f min: %s",
                *(len(stuck), STUCK_SEC / 60, next(iter(stuck.values()))),
            )
        return [row for row in chosen if row.stem not in stuck]

    async def _give_up(self, unsent: Sequence[SliceRow]) -> None:
        for row in to_give_up(self.policy, self.facts.free, unsent):
            # First the ledger, then the file: a crash in between costs the room, not the name of the loss.
            await self._journal.do(Journal.give_up, row.stem, "deleted before it was uploaded: the disk was full")
            _, stuck = await asyncio.to_thread(remove_files, [row])
            for why in stuck.values():
                log.error("it was given up, and cannot be deleted: %s", why)
            self.facts = replace(self.facts, free=self.facts.free + (0 if stuck else row.size))
            self._tell_loss(row, "was deleted before it was uploaded: the disk was full (spool.delete_unsent)")

    async def is_lost(self, row: SliceRow) -> bool:
        """Whether a slice that was never uploaded is on the disk no more, though the disk is there: somebody has
        deleted it. From now on it is a gap of its lesson.
        """
        facts = await self._facts(write=False)
        if facts.missing or facts.error or await asyncio.to_thread(row.path.exists):
            return False
        await self._journal.do(Journal.give_up, row.stem, "somebody deleted the file before it was uploaded")
        self._tell_loss(row, "is not on the disk any more, and was never uploaded")
        return True

    def _tell_loss(self, row: SliceRow, what: str) -> None:
        self._tell(
            Happening(
                kind="gap",
                text=f"{row.path.name} {what}",
                camera_id=row.camera_id,
                data={"slice_id": row.slice_id, "since": row.started_at, "until": row.started_at + row.media_sec},
            )
        )
        self._on_room()

    # -- for people

    def _tell_changes(self) -> None:
        verdict = self.verdict
        about = verdict.shortage.lesson.key if verdict.shortage and verdict.state == "short" else ""
        if (verdict.state, about) == self._told:
            return
        self._told = (verdict.state, about)
        text = self._short_text() if verdict.state == "short" else _SAYS[verdict.state]
        if verdict.state not in ("well", "short"):
            text += f" ({verdict.detail})" if verdict.detail else f" ({self.facts.free / 1e9:.1f} GB free)"
        data: dict[str, str | int | float | None] = {"alarm": "disk", "state": verdict.state}
        self._tell(Happening(kind="disk" if verdict.state == "well" else "alarm", text=text, data=data))

    def _short_text(self) -> str:
        short = self.verdict.shortage
        assert short is not None
        return (
            f"the disk will not hold {short.lesson.title or short.lesson.key}: "
            f"{short.need / 1e9:.1f} GB are needed until its end, {short.room / 1e9:.1f} GB are there"
        )

    def view(self) -> DiskView:
        """How it is, with numbers."""
        short = self.verdict.shortage
        return DiskView(
            state=self.verdict.state,
            free=self.facts.free,
            total=self.facts.total,
            room=self.verdict.room,
            deletable=self._deletable,
            detail=self.verdict.detail,
            need=short.need if short else 0,
            lesson=(short.lesson.title or short.lesson.key) if short else "",
            lesson_start=short.lesson.start if short else None,
            full_at=short.full_at if short else None,
        )
