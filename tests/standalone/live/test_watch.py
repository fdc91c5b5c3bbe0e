"""When an agent is asked to push, and when no more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.live.watch import IDLE_SEC, LEASE_SEC, LOST_SEC, RENEW_SEC, RETRY_SEC, Watch


def test_the_first_viewer_starts_it_and_the_last_ends_it_after_a_while() -> None:
    watch = Watch()
    assert watch.step(0, 0.0) is None
    assert watch.step(1, 1.0) == "start"
    watch.answered("start", True, 1.2)
    assert watch.step(1, 5.0) is None
    assert watch.step(1, 1.2 + RENEW_SEC) == "start"
    watch.answered("start", True, 14.0)
    watch.step(1, 20.0)
    assert watch.step(0, 25.0) is None
    assert watch.step(0, 20.0 + IDLE_SEC) == "stop"
    watch.answered("stop", True, 41.0)
    assert watch.step(0, 42.0) is None
    assert watch.step(1, 50.0) == "start"  # at once


def test_a_page_that_says_it_is_there_is_a_viewer() -> None:
    watch = Watch()
    watch.beat(0.0)
    assert watch.step(0, 0.0) == "start"
    watch.answered("start", True, 0.0)
    for second in range(12, 200, 12):
        watch.beat(float(second))
        assert watch.step(0, float(second)) in (None, "start")
        assert watch.wanted(float(second))


def test_a_refusal_is_asked_again_soon() -> None:
    watch = Watch()
    assert watch.step(1, 0.0) == "start"
    watch.answered("start", False, 0.0)
    assert watch.step(1, RETRY_SEC - 0.1) is None
    assert watch.step(1, RETRY_SEC) == "start"


def test_a_lost_picture_is_asked_after_soon() -> None:
    watch = Watch()
    watch.step(1, 0.0)
    watch.answered("start", True, 0.0)
    watch.lost(5.0)
    assert watch.step(1, 5.0) is None
    assert watch.wait(5.0) <= LOST_SEC
    assert watch.step(1, 5.0 + LOST_SEC) == "start"


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.0, 30.0), st.booleans()), max_size=60))
def test_a_lease_never_runs_out_while_somebody_looks_and_no_push_is_left_behind(
    steps: list[tuple[int, float, bool]],
) -> None:
    """Each step: so many look for so long; asked at the times that `wait` gives."""
    watch, now, leased_until, seen_at, granted = Watch(), 0.0, 0.0, None, False
    for viewers, length, answers in steps:
        end = now + length
        while now < end:
            if viewers:
                seen_at = now
            step = watch.step(viewers, now)
            if step == "start":
                leased_until, granted = now + LEASE_SEC if answers else leased_until, answers
                watch.answered(step, answers, now)
            elif step == "stop":
                leased_until = 0.0
                assert seen_at is None or now - seen_at >= IDLE_SEC
                watch.answered(step, True, now)
            if viewers and granted:
                assert leased_until > now
            wait = watch.wait(now)
            assert wait > 0
            now = min(end, now + wait)
    now += IDLE_SEC + 0.1
    if watch.step(0, now) == "stop":
        watch.answered("stop", True, now)
    assert watch.step(0, now) is None
    assert not watch.wanted(now)
