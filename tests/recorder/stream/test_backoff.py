"""Waits between two attempts at a camera."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.stream.backoff import QUICK_SEC, STEADY_SEC, Backoff


def test_quick_then_doubling_up_to_the_most() -> None:
    backoff = Backoff(1.0, 30.0, lambda: 0.0)
    assert [backoff.failed(0.0) for _ in range(8)] == [QUICK_SEC, 1, 2, 4, 8, 16, 30, 30]


def test_only_a_steady_connection_starts_anew() -> None:
    backoff = Backoff(1.0, 30.0, lambda: 0.0)
    assert [backoff.failed(sec) for sec in (0.0, 3.0, 3.0, STEADY_SEC, 0.0)] == [QUICK_SEC, 1, 2, QUICK_SEC, 1]


@given(st.lists(st.floats(0, 20), max_size=2000), st.floats(0, 0.999))
def test_every_wait_is_within_the_bounds(online: list[float], jitter: float) -> None:
    backoff = Backoff(1.0, 30.0, lambda: jitter)
    assert all(QUICK_SEC <= backoff.failed(sec) <= 30.0 for sec in online)
