"""Stamps over a whole day, and counters of every width that run over: nothing drifts, nothing is mended twice."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.packets import Packet
from recorder.stream.timeline import Timeline
from tests.recorder.packets import AUDIO, VIDEO, packet

DAY_SEC = 86_400
STEP_SEC = Fraction(1)


@pytest.mark.parametrize(("bits", "drift_ppm"), [(33, 80), (31, -80)])
def test_twenty_four_hours_without_drift(bits: int, drift_ppm: int) -> None:
    """The camera's clock runs a little fast or slow, its counter runs over, packets are late by up to 80 ms."""
    dice = random.Random(bits)
    timeline = Timeline()
    timeline.begin_session([VIDEO, AUDIO])
    began = dice.uniform(0, 2**bits / 90_000)
    start = {track: int(began / track.time_base) for track in (VIDEO, AUDIO)}
    worst = 0.0
    for n in range(int(DAY_SEC / STEP_SEC)):
        true = float(n * STEP_SEC) * (1 - drift_ppm / 1e6)
        arrival = 5000 + true + dice.random() * 0.08
        ats = []
        for track in (VIDEO, AUDIO):
            stamp = start[track] + int(n * STEP_SEC / track.time_base)
            ats.append(timeline.repair(packet(track, stamp % 2**bits, arrival=arrival)).at)
        assert ats[0] == pytest.approx(float(n * STEP_SEC), abs=1e-6)
        assert ats[1] == pytest.approx(ats[0], abs=5e-5)  # a tick or two: the tracks are set beside each other once
        worst = max(worst, abs(timeline.instant_of(ats[0]) - 5000 - true))
    repairs = timeline.repairs
    assert repairs.total == repairs.wrapped
    turns = [(start[track] + DAY_SEC / float(track.time_base)) // 2**bits for track in (VIDEO, AUDIO)]
    assert abs(repairs.wrapped - sum(turns)) <= 1
    # What of the packets' lateness the anchor lets through, and a minute of the camera's own error.
    assert worst < 0.08 + 60 * abs(drift_ppm) / 1e6 + 0.01


groups = st.lists(st.integers(1, 6), min_size=2, max_size=40)


@settings(max_examples=60)
@given(
    st.sampled_from([24, 31, 32, 33]),
    st.integers(0, 40),
    st.sampled_from([Fraction(1, 90_000), Fraction(1, 1000)]),
    st.integers(0, 3),
    groups,
)
def test_a_counter_of_any_width_runs_over_anywhere_also_within_b_frames(
    bits: int, before: int, time_base: Fraction, delay: int, steps: list[int]
) -> None:
    """`before` frames before it runs over, with pictures whose pts wraps before their dts does."""
    video = replace(VIDEO, time_base=time_base)
    frame = int(Fraction(1, 25) / time_base)
    dts = 2**bits - before * frame
    timeline = Timeline()
    timeline.begin_session([video])
    told: list[tuple[int | None, int | None]] = []
    expected: list[tuple[int, int]] = []
    arrival, zero = 100.0, dts
    for step in steps:
        out = timeline.repair(packet(video, dts % 2**bits, (dts + delay * frame) % 2**bits, arrival=arrival)).packet
        told.append((out.dts, out.pts))
        expected.append((dts - zero, dts - zero + delay * frame))
        dts += step * frame
        arrival += step / 25
    assert told == expected
    assert timeline.repairs.total == timeline.repairs.wrapped <= 1


faults = st.lists(
    st.tuples(
        st.integers(1, 60), st.sampled_from(["missing dts", "missing pts", "equal", "backward", "forward", "back"])
    ),
    max_size=6,
)


@settings(max_examples=60)
@given(faults, st.integers(0, 2**20))
def test_behind_any_faults_a_camera_that_is_well_keeps_its_pace(faulty: list[tuple[int, str]], seed: int) -> None:
    """Faults cost no time: the last frames stand where their arrival says, and keep their distances exactly."""
    frame, dice = 3600, random.Random(seed)
    at_index = dict(faulty)
    shift, packets = 0, []
    for n in range(140):
        fault = at_index.get(n)
        shift += {"forward": 3600 * 90_000, "back": -3600 * 90_000}.get(fault or "", 0)
        dts: int | None = n * frame + shift
        pts: int | None = dts
        if fault == "missing dts":
            dts = pts = None
        elif fault == "missing pts":
            pts = None
        elif fault == "equal":
            dts = pts = (n - 1) * frame + shift
        elif fault == "backward":
            dts = pts = (n - 1) * frame + shift - frame // 2
        arrival = 7 + n / 25 + dice.random() * 0.01
        packets.append(Packet(VIDEO, b"x", pts, dts, frame, n % 25 == 0, arrival))
    timeline = Timeline()
    timeline.begin_session([VIDEO])
    out = [timeline.repair(one) for one in packets]
    tail = out[-40:]
    assert [after.at - before.at for before, after in pairwise(tail)] == pytest.approx([0.04] * 39)
    assert tail[0].at == pytest.approx((140 - 40) / 25, abs=0.2 + 0.05 * len(faulty))
    assert timeline.repairs.total <= 2 * len(at_index) + 1
