"""A rate limit, by a clock that stands until it is moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.storage.pace import Pace


class StandingClock:
    now = 100.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def test_no_limit() -> None:
    assert Pace(0, StandingClock()).wait_for(1 << 40) == 0.0


def test_bytes_wait_for_those_before_them() -> None:
    clock = StandingClock()
    pace = Pace(1000, clock)
    assert [pace.wait_for(500) for _ in range(3)] == pytest.approx([0.5, 1.0, 1.5])
    clock.now += 1.5
    assert pace.wait_for(500) == pytest.approx(0.5)


def test_after_a_pause_a_second_of_burst_and_no_more() -> None:
    clock = StandingClock()
    pace = Pace(1000, clock)
    clock.now += 3600.0
    assert pace.wait_for(1000) == 0.0
    assert pace.wait_for(1000) == pytest.approx(1.0)


@given(st.lists(st.tuples(st.integers(1, 100_000), st.floats(0, 30)), min_size=1))
def test_never_faster_than_the_limit_and_its_burst(steps: list[tuple[int, float]]) -> None:
    clock = StandingClock()
    pace = Pace(1000, clock)
    began, sent = clock.now, 0
    for size, pause in steps:
        clock.now += pause
        clock.now += pace.wait_for(size)
        sent += size
        assert sent <= (clock.now - began) * 1000 + 1000 + 1e-3


@pytest.mark.parametrize(("own", "other", "rate"), [(1000, 500, 500), (1000, 5000, 1000), (0, 500, 500), (500, 0, 500)])
def test_of_two_limits_the_lower_one_counts(own: float, other: float, rate: int) -> None:
    pace = Pace(own, StandingClock())
    pace.limit(other)
    assert pace.wait_for(2 * rate) == pytest.approx(2.0)
    pace.own(250)
    assert pace.wait_for(250) == pytest.approx(3.0)
