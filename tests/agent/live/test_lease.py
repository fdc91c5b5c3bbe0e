"""Leases: how long a channel is pushed, and when a lost push is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.live.lease import RETRY_SEC, Lease
from recorder.specs import LiveCause

A, B = "rtmp://a/live/x", "rtmp://b/live/x"


def steady() -> Lease:
    """One whose waits are as long as they get."""
    return Lease(A, 1e9, jitter=lambda: 0.0)


def test_a_lease_ends_by_itself_unless_it_is_renewed() -> None:
    lease = Lease(A, 30.0)
    assert lease.holds(29.9)
    assert not lease.renew(A, 30.0, 20.0)
    assert lease.holds(49.9)
    assert not lease.holds(50.0)
    lease.renew(A, 30.0, 60.0)
    lease.end()
    assert not lease.holds(60.0)


def test_a_renewal_may_shorten() -> None:
    lease = Lease(A, 1000.0)
    lease.renew(A, 5.0, 10.0)
    assert not lease.holds(15.0)


def test_waits_grow_and_begin_anew_behind_a_push_that_had_lasted() -> None:
    lease = steady()
    assert [lease.lost("refused", 0.0, 0.0) for _ in range(7)] == [1, 2, 5, 10, 30, 30, 30]
    assert lease.lost("ended", 9.9, 0.0) == 10, "who was there comes back by itself"
    assert lease.lost("ended", 10.0, 100.0) == 1
    assert lease.try_at == 101.0


def test_another_place_is_tried_at_once() -> None:
    lease = steady()
    for _ in range(5):
        lease.lost("refused", 0.0, 0.0)
    assert lease.renew(B, 30.0, 1.0)
    assert lease.try_at == 1.0
    assert lease.lost("refused", 0.0, 1.0) == 1


@pytest.mark.parametrize(
    ("cause", "live_sec", "wait"), [("changed", 5.0, 0.0), ("changed", 0.1, 1.0), ("no_picture", 9.0, 1.0)]
)
def test_what_is_no_fault_of_the_server_costs_it_nothing(cause: LiveCause, live_sec: float, wait: float) -> None:
    lease = steady()
    assert [lease.lost(cause, live_sec, 0.0) for _ in range(4)] == [wait] * 4
    assert lease.lost("refused", 0.0, 0.0) == 1


def test_rooms_do_not_come_back_in_step() -> None:
    """Thirty rooms lose one server: their next attempts are spread over half the wait, and none comes later."""
    waits = [Lease(A, 1e9, failures=4).lost("unreachable", 0.0, 0.0) for _ in range(30)]
    assert len(set(waits)) == 30
    assert all(5.0 <= wait <= 10.0 for wait in waits)


@given(
    st.lists(st.tuples(st.sampled_from(["refused", "changed", "ended"]), st.floats(0, 60)), min_size=1),
    st.floats(0, 0.99),
)
def test_no_server_is_ever_hammered(ends: list[tuple[LiveCause, float]], jitter: float) -> None:
    """Attempts, the time each was live included, are on average at least half a second apart."""
    lease, now, attempts = Lease(A, 1e9, jitter=lambda: jitter), 0.0, 0
    for cause, live_sec in ends:
        now += live_sec
        now += lease.lost(cause, live_sec, now)
        attempts += 1
        assert lease.try_at == now
    assert now >= attempts / 2


class Leases(RuleBasedStateMachine):
    """A lease beside the plainest model of it: a list of what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.until, self.url = 10.0, A
        self.lease = Lease(A, 10.0)

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(url=st.sampled_from([A, B]), seconds=st.floats(1, 60))
    def renewed(self, url: str, seconds: float) -> None:
        assert self.lease.renew(url, seconds, self.now) == (url != self.url)
        self.url, self.until = url, self.now + seconds

    @rule()
    def stopped(self) -> None:
        self.lease.end()
        self.until = 0.0

    @rule(cause=st.sampled_from(["refused", "changed", "stalled", "no_picture"]), live=st.floats(0, 30))
    def attempt_ended(self, cause: LiveCause, live: float) -> None:
        assert 0 <= self.lease.lost(cause, live, self.now) <= RETRY_SEC[-1]

    @invariant()
    def holds_until_the_last_word(self) -> None:
        assert self.lease.holds(self.now) == (self.now < self.until)


TestLeases = Leases.TestCase
TestLeases.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
