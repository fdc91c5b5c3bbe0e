"""Room is made, losses are named, and what is wrong with the disk is told once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.journal import Journal, SliceState
from agent.schedule.ledger import Span, account
from agent.spool.disk import Coming, DiskPolicy, MediaFacts
from agent.spool.disk_keeper import DiskKeeper
from agent.spool.media import MARKER, Media
from agent.status import Happening
from agent.view.verdict import Health, judge
from agent.words import Words
from tests.agent.spool.filled import LESSON, FakeClock, Spool
from tests.agent.views import view


class ToldMedia(Media):
    """A folder whose disk is as the test says."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, (), lambda: None, lambda apart: None)
        self.facts = MediaFacts(10**9, 10**9)
        self.looks = 0

    def look(self, *, write: bool = False) -> MediaFacts:
        self.looks += 1
        return self.facts


class Kept:
    """A keeper over a spool."""

    def __init__(self, folder: Path, policy: DiskPolicy) -> None:
        self.spool, self.clock = Spool(folder), FakeClock()
        self.media = ToldMedia(folder)
        self.told: list[Happening] = []
        self.lessons: list[Coming] = []
        self.made_room = 0
        self.keeper = DiskKeeper(
            self.media,
            policy,
            self.spool.journal,
            self.clock,
            lessons=lambda until: [one for one in self.lessons if one.start < until],
            tell=self.told.append,
            on_room=self._on_room,
        )

    def _on_room(self) -> None:
        self.made_room += 1

    async def turn(self, **facts: Any) -> None:
        if facts:
            self.media.facts = MediaFacts(**facts)
        self.clock.ahead += 61.0
        await self.keeper.turn()


async def test_confirmed_ones_go_first_and_nothing_unsent(tmp_path: Path) -> None:
    kept = Kept(tmp_path, DiskPolicy(reserve=5_000, quota=10**9))
    stems = [await kept.spool.add(inx=n, at=LESSON + n, size=2_000) for n in range(1, 6)]
    for stem in stems[1:3]:
        for state in (SliceState.UPLOADED, SliceState.CONFIRMED):
            await kept.spool.journal.do(Journal.advance, stem, state, file_fdfs="/x", at=1.0)
    await kept.turn(free=2_000, total=10**6)
    states = [await kept.spool.state(stem) for stem in stems]
    assert [state.name for state in states] == ["RECORDED", "REMOVED", "REMOVED", "RECORDED", "RECORDED"]
    await kept.turn(free=0, total=10**6)
    assert len(list(kept.spool.slices.iterdir())) == 3
    assert kept.made_room == 1
    await kept.spool.journal.close()


async def test_a_loss_that_the_owner_allows_is_a_gap_of_its_lesson(tmp_path: Path) -> None:
    kept = Kept(tmp_path, DiskPolicy(reserve=5_000, quota=10**9, unsent_may_go=True))
    slice_id = await kept.spool.lesson(begin=LESSON, length=180.0)
    stems = [await kept.spool.add(inx=n, slice_id=slice_id, at=LESSON + 60 * (n - 1), size=2_000) for n in (1, 2, 3)]
    await kept.turn(free=3_500, total=10**6)
    assert [(await kept.spool.state(stem)).name for stem in stems] == ["GIVEN_UP", "RECORDED", "RECORDED"]
    assert kept.keeper.facts.free == 5_500
    (told,) = [one for one in kept.told if one.kind == "gap"]
    assert (told.data["since"], told.data["until"]) == (LESSON, LESSON + 60)
    journal = kept.spool.journal
    recording = await journal.do(Journal.recording, slice_id)
    assert recording is not None
    slices, named = await journal.do(Journal.lesson_of, recording)
    assert [row.stem for row in await journal.do(Journal.slices_of, slice_id)] == stems[1:]
    outcome = account(Span(LESSON, LESSON + 180), slices, named)
    assert outcome.coverage == pytest.approx(2 / 3)
    assert [(gap.since, gap.until, gap.cause) for gap in outcome.gaps] == [(LESSON, LESSON + 60, "disk")]
    assert [row.slice_id for row in await journal.do(Journal.unreported_recordings)] == [slice_id]
    await journal.do(Journal.give_up, stems[0], "again")
    assert len(await journal.do(Journal.named_gaps, slice_id)) == 1
    await journal.close()


async def test_nothing_unsent_goes_where_what_is_confirmed_makes_the_room(tmp_path: Path) -> None:
    kept = Kept(tmp_path, DiskPolicy(reserve=5_000, quota=10**9, unsent_may_go=True))
    unsent, confirmed = [await kept.spool.add(inx=n, at=LESSON + n, size=2_000) for n in (1, 2)]
    for state in (SliceState.UPLOADED, SliceState.CONFIRMED):
        await kept.spool.journal.do(Journal.advance, confirmed, state, file_fdfs="/x", at=1.0)
    await kept.turn(free=3_500, total=10**6)
    assert [(await kept.spool.state(stem)).name for stem in (unsent, confirmed)] == ["RECORDED", "REMOVED"]
    await kept.spool.journal.close()


async def test_a_lesson_that_will_not_fit_is_announced_before_with_numbers_and_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path, DiskPolicy(reserve=1_000, quota=10**12))
    await kept.spool.add(size=600_000)  # 60 s: ten thousand bytes a second
    start = kept.clock.wall() + 1800
    kept.lessons = [Coming("a", 7, start, start + 10_800, "数学")]
    await kept.turn(free=10**9, total=10**9)
    assert kept.told == []
    await kept.turn(free=100_001_000, total=10**9)
    await kept.turn()
    (told,) = kept.told
    assert told.kind == "alarm"
    assert "数学" in told.text
    disk = kept.keeper.view()
    assert (disk.state, disk.need, disk.room, disk.lesson) == ("short", 108_000_000, 100_000_000, "数学")
    assert disk.full_at == pytest.approx(start + 10_000, abs=1)
    assert kept.keeper.tight
    whole = view(disk=disk, disk_free=disk.free)
    verdict = judge(whole, Words("zh"))
    assert verdict.health is Health.DEGRADED
    assert "108.0 MB" in verdict.reasons[0]
    assert "数学" in verdict.reasons[0]
    await kept.turn(free=10**9, total=10**9)
    assert [one.kind for one in kept.told] == ["alarm", "disk"]
    await kept.spool.journal.close()


async def test_each_state_is_told_once_and_shown(tmp_path: Path) -> None:
    kept = Kept(tmp_path, DiskPolicy(reserve=0, quota=10**12))
    for facts in (
        {"missing": True, "error": "gone"},
        {"free": 9**9, "total": 10**9, "read_only": True},
        {"free": 10**9, "total": 10**9, "error": "Input/output error"},
        {"free": 1, "total": 10**9},
        {"free": 10**9, "total": 10**9},
    ):
        await kept.turn(**facts)
        await kept.turn()
        if kept.keeper.verdict.state != "well":
            assert judge(view(disk=kept.keeper.view()), Words("zh")).reasons
    states = [one.data["state"] for one in kept.told]
    assert states == ["missing", "read_only", "failing", "full", "well"]
    await kept.spool.journal.close()


def test_the_marker_tells_a_missing_disk_from_a_new_one(tmp_path: Path) -> None:
    root = tmp_path / "media"
    known: dict[str, bool | None] = {"apart": None}
    devices = {root: 7, tmp_path: 1}

    class Placed(Media):
        def _is_apart(self) -> bool:
            return root.exists() and devices[root] != 1

    def media() -> Media:
        return Placed(root, (root / "slices",), lambda: known["apart"], lambda apart: known.update(apart=apart))

    assert not media().look(write=True).missing
    assert (root / MARKER).exists()
    assert (root / "slices").is_dir()
    assert known["apart"] is True
    mounted = root.rename(tmp_path / "elsewhere")
    devices[root] = 1
    assert media().look().missing, "no mount point"
    root.mkdir()
    assert media().look(write=True).missing, "an empty mount point"
    assert list(root.iterdir()) == [], "nothing is put there"
    devices[root] = 9
    assert not media().look().missing, "a new disk"
    devices[root] = 7
    (root / MARKER).unlink()
    (root / "slices").rmdir()
    root.rmdir()
    mounted.rename(root)
    assert not media().look().missing, "it is back"


async def test_a_disk_that_hangs_is_named_and_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr("agent.spool.disk_keeper.ANSWER_SEC", 0.05)
    kept = Kept(tmp_path, DiskPolicy(reserve=0, quota=10**12))
    release = threading.Event()
    real = kept.media.look

    def look(*, write: bool = False) -> MediaFacts:
        found = real(write=write)
        assert release.wait(20)
        return found

    await kept.turn(free=10**9, total=10**9)
    kept.media.look = look  # type: ignore[method-assign]
    await kept.turn()
    await kept.turn()
    assert (kept.keeper.verdict.state, kept.media.looks) == ("failing", 2)
    release.set()
    while kept.keeper.verdict.state != "well":
        await kept.turn()
        await asyncio.sleep(0.01)
    await kept.spool.journal.close()


async def test_a_file_that_cannot_be_deleted_holds_up_no_other(tmp_path: Path) -> None:
    kept = Kept(tmp_path, DiskPolicy(reserve=5_000, quota=10**9))
    stems = [await kept.spool.add(inx=n, at=LESSON + n, size=2_000) for n in range(1, 4)]
    for stem in stems:
        for state in (SliceState.UPLOADED, SliceState.CONFIRMED):
            await kept.spool.journal.do(Journal.advance, stem, state, file_fdfs="/x", at=1.0)
    stuck = (await kept.spool.row(stems[0])).path
    stuck.unlink()
    (stuck / "somebody's").mkdir(parents=True)  # not even root deletes a folder that is not empty by unlink(2)
    await kept.turn(free=3_500, total=10**6)
    await kept.turn(free=3_500, total=10**6)
    states = [(await kept.spool.state(stem)).name for stem in stems]
    assert states == ["CONFIRMED", "REMOVED", "CONFIRMED"]
    assert kept.keeper.view().deletable == 2_000
    await kept.spool.journal.close()


async def test_a_file_is_lost_only_where_the_disk_is_there(tmp_path: Path) -> None:
    kept = Kept(tmp_path, DiskPolicy(reserve=0, quota=10**9))
    row = await kept.spool.row(await kept.spool.add())
    assert not await kept.keeper.is_lost(row), "it is there"
    row.path.unlink()
    kept.media.facts = MediaFacts(missing=True)
    assert not await kept.keeper.is_lost(row)
    kept.media.facts = MediaFacts(10**9, 10**9)
    assert await kept.keeper.is_lost(row)
    (told,) = kept.told
    assert (told.kind, told.data["since"]) == ("gap", row.started_at)
    assert await kept.spool.state(row.stem) is SliceState.GIVEN_UP
    await kept.spool.journal.close()
