"""The ledger: what was due is either recorded or named."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.slices.coverage import STORM_SEC, UNNAMED_SEC, Coverage, Gap, HeldGap, SoundCoverage
from recorder.specs import Cause

FRAME = 0.04


def told(gap: Gap | None) -> tuple[float, float, str] | None:
    return None if gap is None else (round(gap.since, 6), round(gap.until, 6), gap.cause)


def frames(ledger: Coverage, begin: int, end: int) -> list[Gap]:
    taken = (ledger.took(n * FRAME, (n + 1) * FRAME) for n in range(begin, end))
    return [gap for gap in taken if gap]


def test_a_recording_without_holes_has_no_gap() -> None:
    ledger = Coverage(0.0)
    assert frames(ledger, -10, 250) == []
    assert ledger.finish(10.0, "ended") is None
    assert ledger.recorded == pytest.approx(10.0)


def test_gaps_carry_their_cause_and_their_ends() -> None:
    ledger = Coverage(0.0)
    gaps = frames(ledger, 25, 100)
    ledger.broke("stalled")
    ledger.broke("unreachable")
    gaps += frames(ledger, 150, 200)
    tail = ledger.finish(10.0, "timeout")
    assert [told(gap) for gap in gaps] == [(0.0, 1.0, "late"), (4.0, 6.0, "stalled")]
    assert told(tail) == (8.0, 10.0, "timeout")
    assert ledger.recorded == pytest.approx(5.0)


def test_one_missing_frame_counts_only_behind_a_break() -> None:
    ledger = Coverage(0.0)
    assert not frames(ledger, 0, 10)
    assert not frames(ledger, 11, 20)
    ledger.broke("overflow")
    assert not frames(ledger, 21, 30)  # 1 frame: below one and a half
    ledger.broke("overflow")
    assert [told(gap) for gap in frames(ledger, 32, 33)] == [(1.2, 1.28, "overflow")]


def test_a_long_hole_without_a_break_is_loss() -> None:
    ledger = Coverage(0.0)
    frames(ledger, 0, 25)
    (gap,) = frames(ledger, 50, 51)
    assert told(gap) == (1.0, 2.0, "packet_loss")
    assert gap.until - gap.since > UNNAMED_SEC


def test_what_the_disk_lost_is_taken_back() -> None:
    ledger = Coverage(0.0)
    frames(ledger, 0, 100)
    ledger.broke("disk", since=3.0)
    assert ledger.recorded == pytest.approx(3.0)
    assert [told(gap) for gap in frames(ledger, 150, 151)] == [(3.0, 6.0, "disk")]


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.001, 1), st.sampled_from([None, "stalled", "disk"])), max_size=60),
    st.floats(0, 10),
)
def test_recorded_and_missing_add_up(packets: list[tuple[float, float, Cause | None]], rest: float) -> None:
    ledger = Coverage(0.0)
    at, gaps = 0.0, []
    for hole, length, cause in packets:
        if cause:
            ledger.broke(cause)
        at += hole
        gaps.append(ledger.took(at, at + length))
        at += length
    gaps.append(ledger.finish(at + rest, "ended", tolerance=0.0))
    named = [gap for gap in gaps if gap]
    assert ledger.recorded + sum(gap.until - gap.since for gap in named) == pytest.approx(at + rest)
    assert all(before.until <= after.since for before, after in pairwise(named))


def test_one_lost_frame_is_a_gap_of_its_own_length() -> None:
    ledger = Coverage(0.0)
    frames(ledger, 0, 100)
    assert told(ledger.took(101 * FRAME, 102 * FRAME, lost=3)) == (4.0, 4.04, "packet_loss")
    assert ledger.took(102 * FRAME, 103 * FRAME, lost=1) is None, "lost, but no frame is missing"
    assert ledger.took(104 * FRAME, 105 * FRAME) is None, "cameras may slow down"
    assert ledger.recorded == pytest.approx(103 * FRAME + FRAME)


def test_the_cause_of_a_break_outranks_what_was_lost_then() -> None:
    ledger = Coverage(0.0)
    frames(ledger, 0, 10)
    ledger.broke("stalled")
    assert told(ledger.took(2.0, 2.04, lost=1)) == (0.4, 2.0, "stalled")


def test_losses_close_together_are_one_gap_which_does_not_grow_for_ever() -> None:
    ledger = Coverage(0.0)
    whole: list[Gap] = []
    held = HeldGap(whole.append)
    for n in range(0, 750, 3):
        gap = ledger.took(n * FRAME, (n + 1) * FRAME, lost=1)
        if gap is not None:
            held.hold(gap)
            last = gap
        held.settle((n + 1) * FRAME)
    assert [round(gap.until - gap.since) for gap in whole] == [10, 10]
    held.settle(last.until + STORM_SEC / 2)
    assert len(whole) == 2
    held.settle(last.until + STORM_SEC)
    assert len(whole) == 3


def test_lost_sound_has_its_times() -> None:
    sound = SoundCoverage()
    assert sound.took(0.0, 0.02, lost=5) is None, "what came before the recording is not its loss"
    assert sound.took(0.02, 0.04, lost=0) is None
    assert told(sound.took(0.1, 0.12, lost=3)) == (0.04, 0.1, "sound_lost")
    assert sound.took(0.12, 0.14, lost=1) is None, "lost, but nothing is missing"
    assert sound.took(0.5, 0.52, lost=0) is None, "a camera may send no sound"
    assert sound.took(0.1, 0.12, lost=3) is None, "the overlap of the next slice"
    assert told(sound.took(0.56, 0.58, lost=1)) == (0.52, 0.56, "sound_lost")
    sound.broke()
    assert sound.took(9.0, 9.02, lost=1) is None, "another connection"


def test_a_camera_that_slows_down_within_a_connection_loses_nothing() -> None:
    ledger = Coverage(0.0)
    frames(ledger, 0, 25)
    assert ledger.took(1.0 + UNNAMED_SEC - FRAME, 1.0 + UNNAMED_SEC) is None
    assert ledger.recorded == pytest.approx(1.0 + UNNAMED_SEC)


def test_a_break_that_lasts_to_the_end_keeps_its_cause() -> None:
    ledger = Coverage(0.0)
    frames(ledger, 0, 25)
    ledger.broke("unauthorized")
    assert told(ledger.finish(10.0, "stopped")) == (1.0, 10.0, "unauthorized")


def test_a_disk_that_fails_takes_back_no_more_than_was_recorded() -> None:
    """Of what was taken since, a part was a gap already."""
    coverage = Coverage(0.0)
    coverage.took(5.0, 6.0)
    coverage.broke("disk", 0.0)
    assert coverage.recorded == 0.0
    assert coverage.took(8.0, 9.0) == Gap(0.0, 8.0, "disk")
    assert coverage.recorded == 1.0
