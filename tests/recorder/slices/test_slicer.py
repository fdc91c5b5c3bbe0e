"""Cuts: nothing lost, nothing doubled but what is told, limits that never drift."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.slices.slicer import Cut, Fate, Slicer
from recorder.stream.timeline import Lineup, Timed
from tests.recorder.packets import AUDIO, VIDEO, timed

BOTH = Lineup(1, (VIDEO, AUDIO))
slice_secs = st.one_of(st.just(0.0), st.floats(0.1, 10))


@dataclass
class Slice:
    """What a writer would have put into one file."""

    reason: str = "open"
    overlap: int = 0
    overlap_sec: float = 0.0
    packets: list[Timed] = field(default_factory=list)


def record(slicer: Slicer, stream: list[Timed]) -> tuple[list[Slice], list[Timed]]:
    """The slices of a stream, and what was not recorded."""
    slices: list[Slice] = []
    skipped: list[Timed] = []
    for one in stream:
        fate = slicer.feed(one)
        if fate is Fate.SKIP:
            skipped.append(one)
        elif isinstance(fate, Cut):
            if slices and slices[-1].reason == "open":
                slices[-1].reason = fate.reason
            if fate.opens:
                slices.append(Slice("open", len(fate.overlap), fate.overlap_sec, [*fate.overlap, one]))
            else:
                skipped.append(one)
        else:
            slices[-1].packets.append(one)
    return slices, skipped


def joined(slices: list[Slice]) -> list[Timed]:
    return [one for part in slices for one in part.packets[part.overlap :]]


@st.composite
def streams(draw: st.DrawFn) -> list[Timed]:
    """Key-frame groups of irregular length, sound in between, now and then another connection or other tracks."""
    lineup, at = BOTH, draw(st.floats(0, 5))
    out: list[Timed] = []
    for _ in range(draw(st.integers(1, 25))):
        change = draw(st.sampled_from(["", "", "", "", "session", "picture", "sound"]))
        if change == "session":
            lineup = Lineup(lineup.session + 1, (replace(VIDEO), replace(AUDIO)))
        elif change == "picture":
            lineup = Lineup(lineup.session, (replace(VIDEO), lineup.tracks[1]))
        for n in range(draw(st.integers(1, 8))):
            at += draw(st.sampled_from([0.04, 0.2, 1.0, 3.0]))
            out.append(timed(len(out), at, lineup=lineup, track=lineup.tracks[0], key=n == 0))
            if change == "sound" and n == 1:
                lineup = Lineup(lineup.session, (lineup.tracks[0], replace(AUDIO)))
            for _ in range(draw(st.integers(0, 2))):
                out.append(timed(len(out), at + draw(st.floats(-0.3, 0.3)), lineup=lineup, track=lineup.tracks[1]))
    return out


def test_retuned_before_it_begins_the_grid_counts_from_the_beginning() -> None:
    slicer = Slicer(0, 0)
    slicer.retune(10, 0)
    slices, _ = record(slicer, [timed(n, 7.0 + n, lineup=BOTH, key=True) for n in range(25)])
    assert [part.packets[0].at for part in slices] == [7.0, 17.0, 27.0]


def test_a_camera_without_key_frames_fills_no_memory() -> None:
    """One key frame, then none for hours, as gradual refresh sends it: no group is held for an overlap of its own."""
    slicer = Slicer(0, 1, overlap_bytes=1000)
    stream = [timed(n, n * 0.04, lineup=BOTH, key=n == 0) for n in range(500)]
    slices, skipped = record(slicer, stream)
    assert len(slices) == 1
    assert not skipped
    assert slicer.held_bytes <= 1000
    # With key frames there is an overlap again.
    for one in [timed(500 + n, 20 + n * 0.5, lineup=BOTH, key=n % 2 == 0) for n in range(4)]:
        assert slicer.feed(one) is Fate.WRITE
    slicer.retune(0.5, 1)
    cut = slicer.feed(timed(504, 22.0, lineup=BOTH, key=True))
    assert isinstance(cut, Cut)
    assert [one.seq for one in cut.overlap] == [502, 503]


@settings(max_examples=40)
@given(streams(), slice_secs, st.integers(0, 4))
def test_slices_without_their_overlaps_are_what_was_received(
    stream: list[Timed], slice_sec: float, inter_val: int
) -> None:
    slices, skipped = record(Slicer(slice_sec, inter_val), stream)
    assert joined(slices) == stream
    assert not skipped
    for part in slices:
        assert part.packets[0].opens
        tracks = part.packets[part.overlap].lineup.tracks
        assert all(one.packet.track in tracks for one in part.packets)


@settings(max_examples=40)
@given(streams(), st.floats(0.5, 10), st.integers(0, 4))
def test_overlaps_are_the_last_groups_of_the_slice_before(
    stream: list[Timed], slice_sec: float, inter_val: int
) -> None:
    slices, _ = record(Slicer(slice_sec, inter_val), stream)
    for before, after in pairwise(slices):
        if before.reason == "limit":
            keys = [n for n, one in enumerate(before.packets) if one.opens]
            expected = before.packets[keys[-min(inter_val, len(keys))] :] if inter_val else []
            assert after.packets[: after.overlap] == expected
            opening = after.packets[after.overlap]
            if expected:
                assert after.overlap_sec == pytest.approx(
                    max(one.end for one in expected if one.leads) - expected[0].at
                )
                assert expected[0].at < opening.at
        elif before.reason == "lost":
            assert after.overlap == 0


@settings(max_examples=40)
@given(streams(), st.floats(0.5, 10), st.integers(0, 4))
def test_cuts_fall_on_the_first_key_frame_at_or_after_a_limit(
    stream: list[Timed], slice_sec: float, inter_val: int
) -> None:
    slices, _ = record(Slicer(slice_sec, inter_val), stream)
    origin = slices[0].packets[0].at
    for part in slices:
        fresh = part.packets[part.overlap :]
        # No key frame inside a slice lies in a later field of the grid than its first new packet.
        fields = [math.floor((one.at - origin + 1e-4) / slice_sec) for one in fresh if one.opens]
        first = math.floor((fresh[0].at - origin + 1e-4) / slice_sec)
        assert all(one <= first for one in fields)


def test_limits_never_drift() -> None:
    """A day of five-minute slices with key frames every 2 s: the last cut is where the first one was."""
    slicer = Slicer(300.0, 0)
    cuts = [
        at for at in range(0, 86_400, 2) if isinstance(slicer.feed(timed(at, float(at), lineup=BOTH, key=True)), Cut)
    ]
    assert cuts == list(range(0, 86_400, 300))


def test_nothing_begins_without_a_key_frame() -> None:
    stream = [
        timed(0, 0.0, lineup=BOTH),
        timed(1, 0.01, lineup=BOTH, track=AUDIO),
        timed(2, 0.04, lineup=BOTH, key=True),
    ]
    slices, skipped = record(Slicer(0, 0), stream)
    assert skipped == stream[:2]
    assert [part.packets for part in slices] == [stream[2:]]


def test_another_connection_without_a_key_frame_ends_the_slice() -> None:
    again = Lineup(2, (VIDEO, AUDIO))
    stream = [
        timed(0, 0.0, lineup=BOTH, key=True),
        timed(1, 5.0, lineup=again),
        timed(2, 5.04, lineup=again, key=True),
    ]
    slices, skipped = record(Slicer(0, 1), stream)
    assert skipped == [stream[1]]
    assert [(part.reason, part.packets) for part in slices] == [("lost", [stream[0]]), ("open", [stream[2]])]


def test_changed_sound_within_a_group_repeats_the_picture_only() -> None:
    changed = Lineup(1, (VIDEO, replace(AUDIO)))
    stream = [
        timed(0, 0.0, lineup=BOTH, key=True),
        timed(1, 0.01, lineup=BOTH, track=AUDIO),
        timed(2, 0.04, lineup=BOTH),
        timed(3, 0.05, lineup=changed, track=changed.tracks[1]),
        timed(4, 0.08, lineup=changed),
    ]
    slices, _ = record(Slicer(0, 0), stream)
    assert [part.packets for part in slices] == [stream[:3], [stream[0], stream[2], *stream[3:]]]
    assert slices[1].overlap == 2


def test_sound_alone_is_cut_by_time() -> None:
    lineup = Lineup(1, (AUDIO,))
    stream = [timed(n, n * 0.02, lineup=lineup, track=AUDIO, duration=0.02) for n in range(1000)]
    slices, _ = record(Slicer(5.0, 0), stream)
    assert [len(part.packets) for part in slices] == [250, 250, 250, 250]
    assert joined(slices) == stream


def test_overlap_is_bounded_in_bytes() -> None:
    stream = [timed(n, n * 0.5, lineup=BOTH, key=n % 2 == 0, size=100) for n in range(40)]
    slices, _ = record(Slicer(5.0, 3, overlap_bytes=450), stream)
    assert [part.overlap for part in slices] == [0, 4, 4, 4]


@pytest.mark.parametrize(("retuned_at", "first"), [(3, 2), (8, 2), (9, 1)])
def test_a_longer_overlap_begins_with_what_is_held(retuned_at: int, first: int) -> None:
    """Groups of two seconds, cut every ten."""
    slicer, overlaps = Slicer(10.0, 0), []
    for n in range(31):
        if n == retuned_at:
            slicer.retune(10.0, 2)
        fate = slicer.feed(timed(n, n * 1.0, lineup=BOTH, key=n % 2 == 0))
        overlaps += [len(fate.overlap) // 2] if isinstance(fate, Cut) else []
    assert overlaps == [0, first, 2, 2]


@settings(max_examples=40)
@given(streams(), st.lists(st.tuples(st.integers(0, 200), slice_secs, st.integers(0, 3)), max_size=5))
def test_retuning_loses_nothing(stream: list[Timed], changes: list[tuple[int, float, int]]) -> None:
    slicer = Slicer(2.0, 1)
    at_index = {index: (slice_sec, inter_val) for index, slice_sec, inter_val in changes}
    slices: list[Slice] = []
    for index, one in enumerate(stream):
        if index in at_index:
            slicer.retune(*at_index[index])
        fate = slicer.feed(one)
        if isinstance(fate, Cut):
            slices.append(Slice(fate.reason, len(fate.overlap), 0.0, [*fate.overlap, one]))
        else:
            assert fate is Fate.WRITE
            slices[-1].packets.append(one)
    assert joined(slices) == stream
