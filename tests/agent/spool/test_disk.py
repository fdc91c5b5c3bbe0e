"""Which files leave the disk: confirmed ones, oldest first, no more than needed, never others."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.journal import SliceRow, SliceState
from agent.spool.disk import DiskPolicy, remove_files, to_remove


def row(number: int, size: int, state: SliceState = SliceState.CONFIRMED) -> SliceRow:
    path = Path(f"/media/{number}.mp4")
    return SliceRow(
        f"{number}", 1, number, 1, 1, path, None, float(number), 60.0, 0.0, size, "", "", "", False, state, "", "", None
    )


ROWS = st.lists(st.tuples(st.integers(1, 100), st.sampled_from(list(SliceState))), max_size=10).map(
    lambda items: [row(n, size, state) for n, (size, state) in enumerate(items)]
)


@given(ROWS, st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_just_enough_goes_and_only_what_is_confirmed(
    rows: list[SliceRow], reserve: int, quota: int, free: int, used: int
) -> None:
    chosen = to_remove(DiskPolicy(reserve, quota), free, used, rows)
    confirmed = [item for item in rows if item.state is SliceState.CONFIRMED]
    assert chosen == confirmed[: len(chosen)]
    gone = sum(item.size for item in chosen)
    enough = free + gone >= reserve and used - gone <= quota
    assert enough or chosen == confirmed
    if chosen:
        before = gone - chosen[-1].size
        assert free + before < reserve or used - before > quota


def test_files_that_are_gone_already_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "a.jpg").write_bytes(b"x")
    here = row(1, 1)._replace(path=tmp_path / "a.mp4", thumbnail=tmp_path / "a.jpg")
    gone = row(2, 1)._replace(path=tmp_path / "b.mp4")
    assert remove_files([here, gone]) == (["1", "2"], {})
    assert list(tmp_path.iterdir()) == []
