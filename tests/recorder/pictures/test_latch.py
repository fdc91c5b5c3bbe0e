"""The latch of an alarm against a slow reading of its rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.pictures.latch import Latch, Turn

sights = st.lists(st.tuples(st.floats(0.01, 20.0), st.sampled_from([True, False, None])), min_size=1, max_size=80)
waits = st.floats(0.0, 30.0)


def turns(latch: Latch, seen: list[tuple[float, bool | None]]) -> list[tuple[float, Turn]]:
    at, found = 0.0, []
    for step, bad in seen:
        at += step
        if (turn := latch.see(at, bad)) is not None:
            found.append((at, turn))
    return found


@given(sights, waits, waits)
def test_raised_and_cleared_by_turns_each_after_its_wait(
    seen: list[tuple[float, bool | None]], raise_sec: float, clear_sec: float
) -> None:
    found = turns(Latch(raise_sec, clear_sec), seen)
    assert [turn.raised for _, turn in found] == [n % 2 == 0 for n in range(len(found))]
    for at, turn in found:
        assert at - turn.since >= (raise_sec if turn.raised else clear_sec)


@given(sights, waits, waits)
def test_what_led_to_a_turn_was_seen_without_interruption(
    seen: list[tuple[float, bool | None]], raise_sec: float, clear_sec: float
) -> None:
    at, history = 0.0, []
    for step, bad in seen:
        at += step
        history.append((at, bad))
    for told_at, turn in turns(Latch(raise_sec, clear_sec), seen):
        between = [bad for at, bad in history if turn.since <= at <= told_at]
        assert between[0] is turn.raised
        assert (not turn.raised) not in between


@given(sights, st.floats(0.1, 30.0), st.floats(0.1, 30.0))
def test_a_pause_begins_anew_what_was_beginning_and_ends_nothing(
    seen: list[tuple[float, bool | None]], raise_sec: float, clear_sec: float
) -> None:
    latch = Latch(raise_sec, clear_sec)
    at = 0.0
    for step, bad in seen:
        at += step
        latch.see(at, bad)
        stood = latch.raised_since
        latch.pause()
        assert latch.raised_since == stood
        # With a pause after each sight, nothing ever lasts.
        assert stood is None


def test_an_alarm_of_the_process_before_stands_and_is_cleared_once() -> None:
    latch = Latch(10.0, 2.0, raised_since=-50.0)
    assert latch.see(0.0, True) is None
    assert latch.see(1.0, False) is None
    assert latch.see(3.0, None) == Turn(False, 1.0)
    assert latch.see(9.0, False) is None


def test_what_is_known_to_have_been_so_before_counts() -> None:
    latch = Latch(10.0, 0.0)
    assert latch.see(100.0, True, began=88.0) == Turn(True, 88.0)
