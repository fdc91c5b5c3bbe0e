"""Stamps: whatever a camera sends, what comes out is usable; what was right stays as it was."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.packets import Packet
from recorder.stream.timeline import ANCHOR_SEC, Anchor, Timed, Timeline
from tests.recorder.packets import AUDIO, VIDEO, packet

FRAME = 3600  # ticks of 90 kHz at 25 frames a second
SOUND = 1024


def repaired(packets: list[Packet]) -> list[Timed]:
    timeline = Timeline()
    timeline.begin_session([VIDEO, AUDIO])
    return [timeline.repair(one) for one in packets]


stamp = st.one_of(st.none(), st.integers(-(2**34), 2**34), st.integers(0, 200_000))
anything = st.builds(
    lambda track, dts, pts, arrival, duration: Packet(track, b"x", pts, dts, duration, True, arrival),
    st.sampled_from([VIDEO, AUDIO]),
    stamp,
    stamp,
    st.floats(0, 1000),
    st.integers(0, 10_000),
)


@given(st.lists(st.one_of(anything, st.none()), max_size=60))
def test_dts_rises_strictly_and_pts_never_lies_before_it(packets: list[Packet | None]) -> None:
    timeline = Timeline()
    timeline.begin_session([VIDEO, AUDIO])
    last: dict[int, int] = {}
    arrival = 0.0
    for one in packets:
        if one is None:
            timeline.begin_session([VIDEO, replace(AUDIO)])
            continue
        arrival = max(arrival, one.arrival)
        out = timeline.repair(replace(one, arrival=arrival))
        assert out.packet.dts is not None
        assert out.packet.pts is not None
        assert out.packet.dts > last.get(one.track.index, -(2**63))
        assert out.packet.pts >= out.packet.dts
        assert out.end >= out.at
        assert out.at == pytest.approx(float(out.packet.dts * one.track.time_base))
        assert out.packet.data is one.data
        last[one.track.index] = out.packet.dts


@given(
    st.integers(-(2**33), 2**33),
    st.lists(st.integers(1, 90_000), min_size=1, max_size=50),
    st.lists(st.integers(0, 5), min_size=51, max_size=51),
)
def test_good_stamps_are_only_moved(start: int, steps: list[int], delays: list[int]) -> None:
    """Also those of B-frames, whose pts run ahead of their dts."""
    dts, packets = start, []
    for step, delay in zip([0, *steps], delays, strict=False):
        dts += step
        packets.append(packet(VIDEO, dts, dts + delay * FRAME, arrival=dts / 90_000))
    out = repaired(packets)
    assert [(one.packet.pts, one.packet.dts) for one in out] == [
        ((p.pts or 0) - start, (p.dts or 0) - start) for p in packets
    ]


@pytest.mark.parametrize("bits", [31, 32, 33])
def test_a_counter_that_runs_over_goes_on(bits: int) -> None:
    start = 2**bits - 5 * FRAME
    stamps = [start + n * FRAME for n in range(20)]
    packets = [
        packet(VIDEO, dts % 2**bits, (dts + 2 * FRAME) % 2**bits, arrival=n / 25) for n, dts in enumerate(stamps)
    ]
    timeline = Timeline()
    timeline.begin_session([VIDEO])
    out = [timeline.repair(one).packet for one in packets]
    assert [one.dts for one in out] == [n * FRAME for n in range(20)]
    assert [one.pts for one in out] == [(n + 2) * FRAME for n in range(20)]
    assert timeline.repairs.wrapped == timeline.repairs.total == 1


@pytest.mark.parametrize("jump_sec", [3600.0, -3600.0, 5.0, -2.0])
def test_a_jump_of_the_cameras_clock_keeps_sound_and_picture_together(jump_sec: float) -> None:
    packets = []
    for n in range(100):
        moved = jump_sec if n >= 50 else 0.0
        packets.append(packet(VIDEO, n * FRAME + int(moved * 90_000), arrival=n / 25, duration=FRAME))
        packets.append(packet(AUDIO, n * 1920 + int(moved * 48_000), arrival=n / 25, duration=1920))
    timeline = Timeline()
    timeline.begin_session([VIDEO, AUDIO])
    out = [timeline.repair(one) for one in packets]
    assert timeline.repairs.jumped == 2
    assert [one.packet.dts for one in out if one.leads] == [n * FRAME for n in range(100)]
    assert [one.packet.dts for one in out if not one.leads] == [n * 1920 for n in range(100)]


def test_a_pause_that_really_was_is_none_of_a_jump() -> None:
    stamps = [*range(0, 10 * FRAME, FRAME), *range(90_000 * 20, 90_000 * 20 + 10 * FRAME, FRAME)]
    packets = [packet(VIDEO, dts, arrival=dts / 90_000) for dts in stamps]
    assert [one.packet.dts for one in repaired(packets)] == stamps


def test_a_camera_that_outlived_the_machines_sleep_leaves_a_hole_of_its_length() -> None:
    """Its stamps and the arrivals (`recorder.clocks`) both went on for ten minutes: a pause, no jump to be mended."""
    timeline = Timeline()
    timeline.begin_session([VIDEO])
    before = [timeline.repair(packet(VIDEO, n * FRAME, arrival=7 + n / 25)) for n in range(25)]
    after = timeline.repair(packet(VIDEO, (25 + 600 * 25) * FRAME, arrival=7 + 1 + 600))
    assert after.at - before[-1].at == pytest.approx(600.04)
    assert timeline.repairs.total == 0


def test_missing_equal_and_backward_stamps_are_counted() -> None:
    timeline = Timeline()
    timeline.begin_session([VIDEO])
    given_stamps = [0, FRAME, None, 3 * FRAME, 3 * FRAME, 2 * FRAME, 6 * FRAME]
    out = [
        timeline.repair(packet(VIDEO, dts, arrival=n / 25, duration=FRAME)).packet.dts
        for n, dts in enumerate(given_stamps)
    ]
    assert out == [0, FRAME, 2 * FRAME, 3 * FRAME, 3 * FRAME + 1, 3 * FRAME + 2, 6 * FRAME]
    repairs = timeline.repairs
    assert (repairs.missing, repairs.equal, repairs.backward, repairs.jumped) == (1, 1, 1, 0)


def test_without_any_stamps_arrival_has_to_do() -> None:
    packets = [packet(VIDEO, None, arrival=5 + n / 10) for n in range(20)]
    assert [one.at for one in repaired(packets)] == pytest.approx([n / 10 for n in range(20)], abs=0.001)


def test_a_new_connection_is_placed_by_its_arrival() -> None:
    timeline = Timeline()
    timeline.begin_session([VIDEO, AUDIO])
    for n in range(50):
        timeline.repair(packet(VIDEO, 77 + n * FRAME, arrival=100 + n / 25))
    lineup = timeline.begin_session([VIDEO, AUDIO])
    again = timeline.repair(packet(VIDEO, 999_999, arrival=130.0))
    sound = timeline.repair(packet(AUDIO, 533_333, arrival=130.0))
    assert again.at == pytest.approx(30.0, abs=0.001)
    assert sound.at == pytest.approx(30.0, abs=0.001)
    assert again.lineup is lineup
    assert timeline.instant_of(again.at) == pytest.approx(130.0, abs=0.001)


def test_a_heap_at_the_beginning_of_a_connection_moves_nothing_that_was_before_it() -> None:
    timeline = Timeline()
    timeline.begin_session([VIDEO, AUDIO])
    before = [timeline.repair(packet(VIDEO, n * FRAME, arrival=100 + n / 25)) for n in range(50)]
    timeline.begin_session([VIDEO, AUDIO])
    # Two seconds come in one heap, as after libav's probing, and then each packet when it is due.
    arrivals = [132.0] * 50 + [132.0 + n / 25 for n in range(1, 50)]
    after = [timeline.repair(packet(VIDEO, n * FRAME, arrival=arrival)) for n, arrival in enumerate(arrivals)]
    assert timeline.instant_of(before[-1].end) == pytest.approx(102.0, abs=0.001)
    assert timeline.instant_of(after[0].at) == pytest.approx(130.04, abs=0.001)
    assert timeline.media_at(101.0) == pytest.approx(1.0, abs=0.001)
    assert timeline.media_at(131.04) == pytest.approx(after[25].at, abs=0.001)
    # What lies between the connections is between them in both countings.
    assert before[-1].end < timeline.media_at(110.0) < after[0].at


def test_each_of_the_last_connections_keeps_its_own_delay() -> None:
    """A gap that is told when the camera has come back twice still has its true times."""
    timeline = Timeline()
    ends = []
    for began, heap_sec in ((100.0, 0.0), (120.0, 2.0), (140.0, 1.0)):
        timeline.begin_session([VIDEO])
        arrivals = [max(began + n / 25, began + heap_sec) for n in range(100)]
        out = [timeline.repair(packet(VIDEO, n * FRAME, arrival=arrival)) for n, arrival in enumerate(arrivals)]
        ends.append((out[-1].at, began + 99 / 25))
    assert [timeline.instant_of(at) for at, _ in ends] == pytest.approx([instant for _, instant in ends], abs=0.01)


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 3), st.integers(1, 60)), min_size=1, max_size=20))
def test_media_time_rises_with_the_clock_through_any_connections(connections: list[tuple[float, float, int]]) -> None:
    timeline, now = Timeline(), 50.0
    for away_sec, heap_sec, frames in connections:
        now += away_sec
        timeline.begin_session([VIDEO])
        for n in range(frames):
            timeline.repair(packet(VIDEO, n * FRAME, arrival=max(now + n / 25, now + heap_sec)))
        now += frames / 25 + heap_sec
    instants = [50.0 + n * (now - 50.0) / 200 for n in range(201)]
    media = [timeline.media_at(instant) for instant in instants]
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(media))


def test_a_clock_that_is_set_by_two_seconds_is_no_loss_but_two_missing_seconds_are() -> None:
    for late_sec, steps in ((0.0, [1 / 25] * 149), (2.0, [1 / 25] * 99 + [2.04] + [1 / 25] * 49)):
        timeline = Timeline()
        timeline.begin_session([VIDEO])
        stamps = [n * FRAME + (180_000 if n >= 100 else 0) for n in range(150)]
        arrivals = [10 + n / 25 + (late_sec if n >= 100 else 0) for n in range(150)]
        out = [
            timeline.repair(packet(VIDEO, stamp, arrival=arrival))
            for stamp, arrival in zip(stamps, arrivals, strict=True)
        ]
        assert [later.at - earlier.at for earlier, later in pairwise(out)] == pytest.approx(steps, abs=0.001)


def test_new_parameter_sets_make_a_new_lineup() -> None:
    timeline = Timeline()
    timeline.begin_session([VIDEO, AUDIO])
    before = timeline.repair(packet(VIDEO, 0, key=True))
    changed = replace(VIDEO, width=1280)
    after = timeline.repair(packet(changed, FRAME, key=True, arrival=0.04))
    sound = timeline.repair(packet(AUDIO, 0, arrival=0.04))
    assert after.lineup is not before.lineup
    assert after.lineup.session == before.lineup.session
    assert after.lineup.tracks == (changed, AUDIO)
    assert sound.lineup is after.lineup
    assert after.packet.dts == FRAME


def test_another_time_base_keeps_the_instants() -> None:
    timeline = Timeline()
    timeline.begin_session([VIDEO])
    for n in range(10):
        timeline.repair(packet(VIDEO, n * FRAME, arrival=n / 25))
    other = replace(VIDEO, time_base=Fraction(1, 1000))
    timeline.begin_session([other])
    assert timeline.repair(packet(other, 40, arrival=0.4)).packet.dts == pytest.approx(400, abs=1)


delays = st.lists(st.floats(0, 2, allow_subnormal=False), min_size=1, max_size=300)


@given(delays, st.floats(0.01, 3))
def test_the_anchor_is_the_least_delay_of_the_window(delays: list[float], step: float) -> None:
    anchor = Anchor()
    seen: list[tuple[float, float]] = []
    for n, delay in enumerate(delays):
        arrival = 1000 + n * step
        anchor.update(arrival, arrival - 1000 - delay)
        seen.append((arrival, 1000 + delay))
        recent = [value for at, value in seen if at >= arrival - ANCHOR_SEC]
        surely = [value for at, value in seen if at >= arrival - ANCHOR_SEC + 1]
        # A second of slack at the window's old edge keeps its memory small.
        assert min(recent) - 1e-6 <= anchor.zero + 1e-6
        assert anchor.zero <= min(surely) + 1e-6 or anchor.zero <= max(min(recent), min(surely)) + 2


@given(st.floats(0.5, 300), st.floats(0.01, 0.2))
def test_what_comes_late_after_a_pause_does_not_move_the_anchor(pause: float, delay: float) -> None:
    """A recorder that stood still for minutes finds what the camera sent meanwhile: it was made when its stamps say."""
    anchor = Anchor()
    frames = [n / 25 for n in range(500)]
    for at in frames:
        anchor.update(1000 + at + delay, at)
    for at in (n / 25 for n in range(500, 500 + round(pause * 25))):
        anchor.update(1020 + pause + delay, at)
        assert anchor.zero == pytest.approx(1000 + delay)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=40))
def test_durations_fill_the_distance_where_the_camera_gives_none(steps: list[int]) -> None:
    dts = [0]
    for step in steps:
        dts.append(dts[-1] + step * 90)
    out = repaired([packet(VIDEO, one, arrival=one / 90_000) for one in dts])
    assert all(before.at < after.at for before, after in pairwise(out))
    assert all(one.end > one.at for one in out[1:])


def test_the_anchor_can_be_read_at_any_moment_of_an_update() -> None:
    """The writing thread asks for media zero while the reading thread finds a better one."""
    anchor = Anchor()
    anchor.update(10.0, 5.0)
    seen: list[float] = []

    class Watched(deque[tuple[float, float]]):
        def pop(self) -> tuple[float, float]:  # type: ignore[override]
            low = super().pop()
            seen.append(anchor.zero)
            return low

    anchor._lows = Watched(anchor._lows)
    anchor.update(12.0, 7.5)
    assert seen == [5.0]
    assert anchor.zero == 4.5
