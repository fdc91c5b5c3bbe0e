"""Journal, files and checksums held against each other; and put right by the command."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.check import become_owner_of
from agent.journal import Journal, SliceState
from agent.spool.checkup import LEVELS, Kind, Level, check_up
from recorder.names import SliceName
from tests.agent.spool.filled import LESSON, Spool

OPEN = SliceName("a" * 32, 7, LESSON, 5, 99, 1).filename


async def kinds(spool: Spool, level: Level = "hash") -> list[Kind]:
    def look(journal: Journal) -> list[Kind]:
        return [finding.kind for finding in check_up(journal, spool.slices, level).findings]

    return await spool.journal.do(look)


async def test_what_agrees_has_no_finding(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for inx in range(3):
        await spool.add(inx=inx, thumb=True)
    assert await kinds(spool) == []
    await spool.journal.close()


@pytest.mark.parametrize(
    ("state", "kind"), [(SliceState.RECORDED, "lost"), (SliceState.UPLOADED, "gone"), (SliceState.CONFIRMED, "gone")]
)
async def test_a_file_that_is_gone(tmp_path: Path, state: SliceState, kind: str) -> None:
    spool = Spool(tmp_path)
    stem = await spool.add()
    await spool.journal.do(Journal.advance, stem, state)
    (spool.slices / f"{stem}.mp4").unlink()
    assert [await kinds(spool, level) for level in LEVELS] == [[kind]] * 3
    await spool.journal.close()


async def test_a_file_that_was_cut_and_one_that_rotted_by_level(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    cut, rotten = [spool.slices / f"{await spool.add(inx=inx)}.mp4" for inx in (1, 2)]
    cut.write_bytes(cut.read_bytes()[:-1])
    content = bytearray(rotten.read_bytes())
    content[500] ^= 1
    rotten.write_bytes(content)
    assert await kinds(spool, "presence") == []
    assert await kinds(spool, "size") == ["damaged"]
    assert await kinds(spool, "hash") == ["damaged", "damaged"]
    await spool.journal.do(Journal.advance, rotten.stem, SliceState.CONFIRMED)
    assert await kinds(spool, "hash") == ["damaged", "worn"]
    await spool.journal.close()


async def test_files_without_a_place_in_the_journal(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    stem = await spool.add(thumb=True)
    removed = await spool.add(inx=2)
    await spool.journal.do(Journal.advance, removed, SliceState.REMOVED)
    (spool.slices / f"{stem}.jpg").unlink()
    (spool.slices / SliceName("b" * 32, 7, LESSON, 5, 98, 1, 60).filename).write_bytes(b"x")
    (spool.slices / OPEN).write_bytes(b"x")
    (spool.slices / "notes.txt").write_bytes(b"x")
    (tmp_path / "unusable").mkdir()
    (tmp_path / "unusable/torn").write_bytes(b"x")
    assert await kinds(spool) == ["unknown", "open", "left", "thumbnail", "unusable"]
    with (spool.slices / OPEN).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert await kinds(spool) == ["unknown", "left", "thumbnail", "unusable"]
    await spool.journal.close()


async def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for inx in range(300):
        await spool.add(inx=inx, size=1)
    await spool.journal.close()
    path = tmp_path / "journal.sqlite"
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    journal = Journal(path, read_only=True)
    try:
        assert journal.damage()
        assert check_up(journal, spool.slices, "presence").losses
    finally:
        journal.close()


async def test_reading_changes_no_byte(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "home/state")
    await spool.add()
    await spool.journal.close()
    path = tmp_path / "home/state/journal.sqlite"
    before = path.read_bytes()
    journal = Journal(path, read_only=True)
    with pytest.raises(Exception, match="readonly"):
        journal.recording_began(1, 1.0)
    journal.close()
    assert path.read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_repair_by_root_writes_as_the_service_s_user(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    child = os.fork()
    if child == 0:
        become_owner_of(tmp_path)
        os._exit(0 if (os.getuid(), os.getgid(), os.getgroups()) == (65534, 65534, []) else 1)
    assert os.waitpid(child, 0)[1] == 0
    become_owner_of(tmp_path / "..")
    assert os.geteuid() == 0, "root's own folders stay root's"


def look(home: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = main(["check", "--home", str(home), "--json"])
    return code, [one["kind"] for one in json.loads(capsys.readouterr().out)["findings"]]


async def test_the_command_tells_first_and_mends_what_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    spool = Spool(home / "state")
    spool.slices = home / "media/slices"
    spool.slices.mkdir(parents=True)
    gone, kept = await spool.add(inx=1), await spool.add(inx=2)
    await spool.journal.do(Journal.advance, gone, SliceState.CONFIRMED)
    await spool.journal.close()
    (spool.slices / f"{gone}.mp4").unlink()
    (spool.slices / OPEN).write_bytes(b"nothing that plays")
    assert look(home, capsys) == look(home, capsys) == (1, ["open", "gone"]), "looking changes nothing"
    (spool.slices / f"{kept}.mp4").unlink()
    assert look(home, capsys) == (2, ["lost", "open", "gone"])
    assert main(["check", "--home", str(home)]) == 2
    lost = "LOST: the file is gone and was not uploaded (slice 2 of recording 11, channel 7, 60 s)"
    assert lost in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["check", "--home", str(home), "--repair"]) == 1
    assert "--repair: 3 put right." in capsys.readouterr().out
    assert look(home, capsys) == (1, ["unusable"])
    journal = Journal(home / "state/journal.sqlite", read_only=True)
    assert [(gap.cause, gap.length) for gap in journal.named_gaps(11)] == [("disk", 60.0)], "the loss has a name now"
    journal.close()
