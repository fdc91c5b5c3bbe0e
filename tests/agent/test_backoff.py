"""Waits that double up to a bound, never in step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.backoff import Backoff


def test_waits_double_up_to_the_bound_and_begin_again_after_a_success() -> None:
    backoff = Backoff(1.0, 30.0, jitter=lambda: 0.0)
    assert [backoff.next() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next() == 1


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 10_000))
def test_jitter_shortens_by_up_to_half(jitter: float, failures: int) -> None:
    backoff = Backoff(1.0, 300.0, jitter=lambda: jitter)
    backoff.failures = failures
    plain = Backoff(1.0, 300.0, jitter=lambda: 0.0)
    plain.failures = failures
    full, wait = plain.next(), backoff.next()
    assert full / 2 <= wait <= full <= 300
