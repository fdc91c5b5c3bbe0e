"""Time that nobody watched: every instant is accounted for once, whatever clocks, sleeps and restarts do."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.schedule.absence import EARLIEST, LONGEST_SEC, SETTLED_SEC, Absence, Presence
from agent.schedule.ledger import Span

NOW = 1_800_000_000.0
YEAR_1970 = 60.0


def test_the_first_start_has_missed_nothing() -> None:
    assert Presence(5).look(None, NOW, 10, 0) == Absence(NOW)


def test_after_a_restart_the_time_between_was_missed() -> None:
    assert Presence(5).look(NOW - 900, NOW, 10, 0).missed == Span(
        NOW - 900, NOW, "restart", "the agent was not running"
    )


def test_while_it_looks_nothing_is_missed_by_name() -> None:
    presence = Presence(5)
    until = presence.look(NOW, NOW, 10, 0).until
    found = presence.look(until, NOW + 5, 15, 0)
    assert found.missed is not None
    assert (found.missed.cause, found.missed.since, found.until) == ("", NOW, NOW + 5)


def test_a_clock_that_is_set_later_has_missed_what_passed_since_the_agent_last_ran() -> None:
    presence = Presence(5)
    assert presence.look(NOW - 900, YEAR_1970, 60, 0) == Absence(NOW - 900)
    assert presence.look(NOW - 900, YEAR_1970 + 7200, 7260, 0) == Absence(NOW - 900), "1970 is never believed"
    set_now = presence.look(NOW - 900, NOW, 7270, NOW - YEAR_1970 - 7270)
    assert set_now.missed == Span(NOW - 900, NOW, "restart", "the agent was not running")


def test_a_very_first_start_with_a_clock_that_is_not_set_accounts_from_when_it_is() -> None:
    presence = Presence(5)
    assert presence.look(None, YEAR_1970, 60, 0) == Absence(None)
    assert presence.look(None, NOW, 70, NOW) == Absence(NOW)


def test_only_what_the_clock_jumped_over_was_missed_by_the_jump() -> None:
    presence = Presence(5)
    presence.look(NOW, NOW, 10, 0)
    assert presence.look(NOW, NOW + 93, 13, 90).missed == Span(
        NOW + 3, NOW + 93, "clock", "this machine's clock was set forward by 90 s"
    )


def test_a_machine_that_slept_says_so() -> None:
    presence = Presence(5)
    presence.look(NOW, NOW, 10, 0)
    missed = presence.look(NOW, NOW + 3600, 3610, 0).missed
    assert missed is not None
    assert (missed.cause, missed.length) == ("asleep", 3600)


def test_a_clock_set_back_leaves_the_mark_until_it_has_passed_or_settled() -> None:
    presence = Presence(5)
    presence.look(NOW, NOW, 10, 0)
    assert presence.look(NOW, NOW - 600, 15, -605) == Absence(NOW)
    assert presence.look(NOW, NOW - 590, 25, 0) == Absence(NOW)
    later = 15 + SETTLED_SEC
    assert presence.look(NOW + 1e6, NOW, later, 0) == Absence(NOW), "it was the other clock that was wrong"


def test_a_jump_of_years_accounts_for_nothing_unless_it_stays() -> None:
    presence = Presence(5)
    presence.look(NOW, NOW, 10, 0)
    far = NOW + 10 * LONGEST_SEC
    assert presence.look(NOW, far, 15, 10 * LONGEST_SEC) == Absence(NOW)
    assert presence.look(NOW, NOW + 10, 20, -10 * LONGEST_SEC).until == NOW + 10
    assert presence.look(NOW, far, 25, 10 * LONGEST_SEC) == Absence(NOW)
    assert presence.look(NOW, far + SETTLED_SEC, 25 + SETTLED_SEC, 0) == Absence(far + SETTLED_SEC)


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0.1, 5)),
        st.tuples(st.just("sleep"), st.floats(30, 1e6)),
        st.tuples(st.just("set"), st.floats(-3e6, 3e6)),
        st.tuples(st.just("restart"), st.floats(1, 1e6)),
        st.tuples(st.just("unset"), st.floats(1, 1000)),  # down, and up again in 1970 until the clock is set
    ),
    max_size=25,
)


@given(MOVES)
def test_every_instant_that_passed_is_accounted_for_once(moves: list[tuple[str, float]]) -> None:
    wall, monotonic, presence = NOW, 0.0, Presence(5)
    until = presence.look(None, wall, monotonic, 0).until
    assert until is not None
    accounted: list[tuple[float, float]] = []
    highest = wall

    def look(stepped: float) -> None:
        nonlocal until
        found = presence.look(until, wall, monotonic, stepped)
        if found.until is not None and until is not None and found.until < until:
            accounted.clear()  # a clock that was set back has settled: its time counts from here on
        elif found.missed is not None:
            accounted.append((found.missed.since, found.missed.until))
        if found.until is not None and until is not None and found.until > until and found.missed:
            # Only watched time may lie between the mark and what was missed.
            assert found.missed.since - until <= 5.0 or found.missed.cause == "clock"
        until = found.until

    for what, amount in moves:
        if what in ("wait", "sleep"):
            wall, monotonic = wall + amount, monotonic + amount
            look(0)
        elif what == "set":
            wall = max(EARLIEST, wall + amount)
            look(amount)
        else:
            wall, monotonic, presence = wall + amount, 1.0, Presence(5)
            if what == "unset":
                presence.look(until, YEAR_1970, monotonic, 0)
                monotonic += 10
                wall += 10
                look(wall - YEAR_1970 - 10)
            else:
                look(0)
        highest = max(highest, wall)
    for (_, end), (begin, _) in pairwise(accounted):
        assert begin >= end, "nothing is accounted for twice"
    if all(what in ("wait", "set") for what, _ in moves):
        assert until == highest
