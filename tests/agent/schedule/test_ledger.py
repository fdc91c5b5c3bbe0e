"""The ledger: what stands in slices, what is missing, and why."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.schedule.ledger import TOLERANCE_SEC, Span, account, account_so_far

LESSON = Span(1000.0, 3700.0)


def test_a_lesson_that_stands_in_slices_with_overlaps_is_covered() -> None:
    outcome = account(LESSON, [Span(998, 1062), Span(1060, 2400), Span(2398, 3700)], [])
    assert outcome.coverage == 1.0
    assert outcome.gaps == ()


def test_a_lesson_without_any_slice_is_one_gap_with_the_camera_s_cause() -> None:
    outcome = account(LESSON, [], [Span(1000, 3700, "unreachable", "no route")])
    assert outcome.coverage == 0.0
    assert outcome.gaps == (Span(1000, 3700, "unreachable", "no route"),)


def test_a_hole_that_nobody_named_is_named_by_where_it_stands() -> None:
    outcome = account(LESSON, [Span(1010, 2000), Span(2005, 3690)], [])
    assert [(gap.since, gap.until, gap.cause) for gap in outcome.gaps] == [
        (1000, 1010, "late"),
        (2000, 2005, "restart"),
        (3690, 3700, "restart"),
    ]
    assert outcome.coverage == pytest.approx(1 - 25 / 2700)


def test_a_hole_takes_the_cause_that_overlaps_it_most() -> None:
    named = [Span(1990, 2001, "stalled"), Span(2001, 2010, "unauthorized")]
    (gap,) = account(LESSON, [Span(990, 2000), Span(2010, 3700)], named).gaps
    assert (gap.since, gap.until, gap.cause) == (2000, 2010, "unauthorized")


def test_lost_packets_inside_a_slice_count_although_the_file_goes_on() -> None:
    outcome = account(LESSON, [Span(1000, 3700)], [Span(1500, 1502, "packet_loss"), Span(2000, 2004, "overflow")])
    assert [gap.cause for gap in outcome.gaps] == ["packet_loss", "overflow"]
    assert outcome.coverage == pytest.approx(1 - 6 / 2700)


def test_lost_sound_is_listed_and_takes_nothing_from_the_coverage() -> None:
    named = [Span(1500, 1502, "sound_lost"), Span(1999, 2011, "sound_lost"), Span(2500, 2503, "packet_loss")]
    outcome = account(LESSON, [Span(1000, 2000), Span(2010, 3700)], named)
    assert [(gap.since, gap.cause) for gap in outcome.gaps] == [
        (1500, "sound_lost"),
        (2000, "restart"),
        (2500, "packet_loss"),
    ]
    assert outcome.coverage == pytest.approx(1 - 13 / 2700)


def test_a_named_break_that_the_slices_cover_after_all_is_none() -> None:
    assert account(LESSON, [Span(1000, 3700)], [Span(1500, 1502, "restart")]).gaps == ()


def test_the_two_clocks_may_disagree_by_the_tolerance() -> None:
    assert account(LESSON, [Span(1000, 2000), Span(2000 + TOLERANCE_SEC, 3700)], []).gaps == ()
    assert account(LESSON, [Span(1000, 2000), Span(2000.01 + TOLERANCE_SEC, 3700)], []).gaps


SPANS = st.lists(
    st.tuples(st.floats(0, 5000), st.floats(0, 500)).map(lambda pair: Span(pair[0], pair[0] + pair[1])), max_size=12
)


@given(SPANS, SPANS)
def test_slices_and_gaps_together_are_the_whole_lesson(slices: list[Span], named: list[Span]) -> None:
    named = [Span(span.since, span.until, "stalled") for span in named]
    outcome = account(LESSON, slices, named)
    assert 0.0 <= outcome.coverage <= 1.0
    # Every moment of the lesson is in a slice, in a gap, or in a hole below the tolerance.
    edges = sorted({LESSON.since, LESSON.until, *(e for s in (*slices, *outcome.gaps) for e in (s.since, s.until))})
    for low, high in itertools.pairwise(edges):
        middle = (low + high) / 2
        if LESSON.since < middle < LESSON.until and high - low > TOLERANCE_SEC:
            inside = any(span.since <= middle < span.until for span in (*slices, *outcome.gaps))
            assert inside, (low, high)
    for gap in outcome.gaps:
        assert LESSON.since <= gap.since < gap.until <= LESSON.until
        assert gap.cause


def test_while_a_recording_is_on_its_ledger_is_exact_up_to_the_last_slice() -> None:
    named = [Span(1990, 2050, "restart", "the agent was not running"), Span(2450, 2500, "unreachable", "no route")]
    gaps = account_so_far(1000.0, [Span(1000, 2000), Span(2002, 2400)], named)
    assert gaps == (Span(2000, 2002, "restart", "the agent was not running"), named[1])


def test_a_recording_without_a_slice_yet_says_what_was_named() -> None:
    named = [Span(1000, 1030, "unauthorized", "the camera refuses user or password")]
    assert account_so_far(1000.0, [], named) == tuple(named)


def test_whoever_knows_better_than_late_has_the_word() -> None:
    named = [Span(1000, 1100, "late"), Span(1001, 1100, "restart", "the agent was not running")]
    assert account(Span(1000, 2000), [Span(1100, 2000)], named).gaps == (
        Span(1000, 1100, "restart", "the agent was not running"),
    )


def test_what_a_clock_set_forward_jumped_over_comes_after_the_slice_that_was_open() -> None:
    named = [Span(1200, 1500, "clock", "set forward by 300 s")]
    assert account(Span(1000, 2000), [Span(1000, 1400), Span(1700, 2000)], named).gaps == (
        Span(1400, 1700, "clock", "set forward by 300 s"),
    )


def test_what_was_lost_beside_the_lesson_is_not_the_lesson_s() -> None:
    named = [Span(990, 1005, "packet_loss"), Span(3690, 3710, "overflow")]
    outcome = account(LESSON, [Span(980, 3720)], named)
    assert outcome.gaps == (Span(1000, 1005, "packet_loss"), Span(3690, 3700, "overflow"))
    assert outcome.coverage == pytest.approx(1 - 15 / 2700)


def test_what_two_gaps_share_is_missing_once() -> None:
    named = [Span(1500, 1510, "packet_loss"), Span(1505, 1515, "overflow")]
    assert account(LESSON, [Span(1000, 3700)], named).coverage == pytest.approx(1 - 15 / 2700)


def test_a_cause_known_of_less_than_half_a_hole_is_not_the_hole_s() -> None:
    named = [Span(1000, 1004, "stalled"), Span(1000, 1010, "late")]
    (gap,) = account(LESSON, [Span(1010, 3700)], named).gaps
    assert gap.cause == "late"


def test_a_clock_set_later_did_not_make_a_hole_before() -> None:
    named = [Span(2500, 2800, "clock", "set forward by 300 s")]
    (gap,) = account(LESSON, [Span(1000, 1400), Span(1700, 3700)], named).gaps
    assert (gap.since, gap.until, gap.cause) == (1400, 1700, "restart")


def test_a_gap_that_began_before_the_last_slice_ended_is_told_from_its_end_on() -> None:
    named = [Span(2350, 2500, "unreachable", "no route")]
    assert account_so_far(1000.0, [Span(1000, 2400)], named) == (Span(2400, 2500, "unreachable", "no route"),)
