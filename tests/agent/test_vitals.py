"""Loop lag, clock steps, consumption."""

from __future__ import annotations

from mmap import mmap

from hypothesis import given
from hypothesis import strategies as st

from agent.vitals import STEP_SEC, WINDOW_SEC, ClockSteps, LoopLag, consumption


def test_the_longest_lag_of_a_minute_and_of_all_time() -> None:
    lag = LoopLag()
    assert (lag.of_last_minute, lag.longest) == (0.0, 0.0)
    lag.woke(100.0, 0.3)
    lag.woke(101.0, 0.1)
    assert (lag.of_last_minute, lag.longest) == (0.3, 0.3)
    lag.woke(100.0 + WINDOW_SEC, 0.01)
    assert (lag.of_last_minute, lag.longest) == (0.1, 0.3)
    lag.woke(300.0, -0.001)
    assert lag.of_last_minute == 0.0


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5)), max_size=50))
def test_the_lag_of_the_last_minute_is_its_maximum(wakes: list[tuple[float, float]]) -> None:
    lag, now, all_wakes = LoopLag(), 0.0, []
    for pause, late in wakes:
        now += pause
        all_wakes.append((now, late))
        lag.woke(now, late)
        assert lag.of_last_minute == max(late for at, late in all_wakes if at > now - WINDOW_SEC)


def test_a_clock_that_is_set_is_a_step_and_one_that_drifts_is_none() -> None:
    steps = ClockSteps()
    assert steps.look(1000.0, 10.0) is None
    assert steps.look(1001.0 + STEP_SEC / 2, 11.0) is None
    assert steps.look(4602.0, 12.0) == 3600.0 - STEP_SEC / 2
    assert steps.look(4603.0, 13.0) is None
    assert steps.look(1004.0, 14.0) == -3600.0
    assert steps.count == 2


def test_consumption_is_this_process() -> None:
    before = consumption()
    with mmap(-1, 40 << 20) as held:  # new pages, where malloc may have some left
        for page in range(0, 40 << 20, 1 << 12):
            held[page] = 1
        after = consumption()
    assert after.resident_bytes - before.resident_bytes > 30 << 20
    assert after.cpu_sec >= before.cpu_sec > 0
    assert after.descriptors == before.descriptors > 2
