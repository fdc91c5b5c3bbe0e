"""Slices as one film: nothing twice, nothing left out, and one behind the other."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.console.pages.recordings.playlist import SHORTEST_SEC, Slice, length, playlist

SECONDS = st.floats(0, 1800, allow_nan=False)
SLICES = st.lists(
    st.builds(Slice, st.integers(1, 12), st.text("ab", min_size=1), SECONDS, SECONDS, SECONDS), max_size=8
)


@given(SLICES)
def test_clips_stand_one_behind_the_other(slices: list[Slice]) -> None:
    clips = playlist(slices)
    at = 0.0
    for clip in clips:
        assert clip.at == pytest.approx(at)
        assert clip.length >= SHORTEST_SEC and clip.skip >= 0
        at += clip.length
    assert length(clips) == pytest.approx(at)


@given(st.integers(1, 9), st.integers(0, 3), st.randoms(use_true_random=False))
def test_a_lesson_in_slices_is_as_long_as_it_was(count: int, overlap: int, dice: random.Random) -> None:
    slices = [
        Slice(inx, f"{inx}.mp4", 60.0 * inx - overlap, 60.0 + overlap, float(overlap)) for inx in range(2, count + 1)
    ]
    slices.insert(0, Slice(1, "1.mp4", 60.0, 60.0))
    dice.shuffle(slices)
    clips = playlist(slices)
    assert [clip.file for clip in clips] == [f"{inx}.mp4" for inx in range(1, count + 1)]
    assert length(clips) == 60.0 * count
    assert [clip.wall for clip in clips] == [60.0 * inx for inx in range(1, count + 1)]


def test_what_a_lost_slice_had_is_not_left_out_of_the_next() -> None:
    first, third = Slice(1, "1", 0, 60), Slice(3, "3", 118, 62, 2)
    assert [clip.skip for clip in playlist([first, third])] == [0, 0]
