"""What the disk will hold: rates, the first lesson that does not fit, and the verdict; all of it without a disk."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.journal import SliceState
from agent.spool.disk import (
    AHEAD_SEC,
    FULL_BYTES,
    USUAL_RATE,
    Coming,
    DiskPolicy,
    DiskState,
    MediaFacts,
    byte_rates,
    first_shortage,
    judge,
    rate_of,
    to_give_up,
)
from tests.agent.spool.test_disk import ROWS, row

NOW = 1_800_000_000.0
GB = 10**9
MINUTE = 60.0

LESSONS = st.lists(
    st.builds(
        lambda camera, start, length: Coming(f"{camera} {start} {length}", camera, NOW + start, NOW + start + length),
        st.integers(1, 3),
        st.integers(-3000, 7000),
        st.integers(1, 6000),
    ),
    max_size=8,
    unique_by=lambda one: one.key,
)
RATES = st.dictionaries(st.integers(1, 3), st.integers(1, 10**6).map(float), max_size=3)


def lesson(camera_id: int = 1, begin: float = 10 * MINUTE, minutes: float = 45, title: str = "数学") -> Coming:
    return Coming(f"{camera_id} {begin}", camera_id, NOW + begin, NOW + begin + minutes * MINUTE, title)


def test_rates_are_those_of_each_channel_and_the_unknown_is_taken_for_the_greatest() -> None:
    rates = byte_rates([(1, 1000, 10.0), (1, 2000, 5.0), (2, 600, 60.0), (3, 5, 0.0)])
    assert rates == {1: 200.0, 2: 10.0}
    assert (rate_of(2, rates), rate_of(9, rates), rate_of(9, {})) == (10.0, 200.0, USUAL_RATE)


@given(st.integers(0, 10**10), LESSONS, RATES)
def test_the_first_that_does_not_fit_is_named_with_its_need(
    room: int, lessons: list[Coming], rates: dict[int, float]
) -> None:
    def need(items: list[Coming]) -> float:
        return sum(rate_of(one.camera_id, rates) * max(0.0, one.end - max(one.start, NOW)) for one in items)

    short = first_shortage(room, lessons, rates, NOW)
    order = sorted(lessons, key=lambda one: (one.start, one.end, one.key))
    if short is None:
        assert need(lessons) <= room + 1
        return
    before = order[: order.index(short.lesson)]
    assert need(before) <= room + 1
    assert short.need > room or short.need == pytest.approx(room)
    assert short.need == int(need([*before, short.lesson]))
    assert max(short.lesson.start, NOW) <= short.full_at <= short.lesson.end + 1


@given(st.integers(0, 10**10), LESSONS, RATES)
def test_more_room_never_makes_it_worse(room: int, lessons: list[Coming], rates: dict[int, float]) -> None:
    if first_shortage(room, lessons, rates, NOW) is None:
        assert first_shortage(room + 1, lessons, rates, NOW) is None


POLICY = DiskPolicy(reserve=2 * GB, quota=50 * GB)
RATE = {1: 1e6}
NEED = int(1e6 * 45 * 60)


@pytest.mark.parametrize(
    ("facts", "deletable", "coming", "state"),
    [
        (MediaFacts(2 * GB + NEED, 500 * GB), 0, lesson(), "well"),
        (MediaFacts(2 * GB + NEED - 1, 500 * GB), 0, lesson(), "short"),
        (MediaFacts(2 * GB, 500 * GB), NEED, lesson(), "well"),
        (MediaFacts(2 * GB, 500 * GB), NEED - 1, lesson(), "short"),
        (MediaFacts(2 * GB, 500 * GB), 0, lesson(begin=AHEAD_SEC + 1), "well"),
        (MediaFacts(2 * GB, 500 * GB), 0, lesson(begin=AHEAD_SEC), "short"),
        (MediaFacts(2 * GB, 500 * GB), 0, lesson(begin=-44.99 * MINUTE), "short"),
        (MediaFacts(2 * GB - 1, 500 * GB), 0, None, "low"),
        (MediaFacts(2 * GB - 1, 500 * GB), 1, None, "well"),
        (MediaFacts(FULL_BYTES - 1, 500 * GB), 0, None, "full"),
        (MediaFacts(FULL_BYTES - 1, 500 * GB, error="No space left on device"), 0, None, "full"),
        (MediaFacts(9 * GB, 500 * GB, error="Input/output error"), 0, lesson(), "failing"),
        (MediaFacts(9 * GB, 500 * GB, read_only=True), 0, lesson(), "read_only"),
        (MediaFacts(missing=True), 9 * GB, None, "missing"),
    ],
)
def test_the_verdict(facts: MediaFacts, deletable: int, coming: Coming | None, state: DiskState) -> None:
    lessons = [coming] if coming else []
    verdict = judge(facts, POLICY, deletable, lessons=lessons, rates=RATE, now=NOW)
    assert verdict.state == state
    if state == "short":
        assert verdict.shortage is not None
        assert verdict.shortage.lesson == coming


@given(ROWS, st.integers(0, 500), st.integers(0, 500))
def test_what_is_not_uploaded_goes_only_where_that_is_allowed(rows: list[object], reserve: int, free: int) -> None:
    slices = [one for one in rows if isinstance(one, type(row(1, 1)))]
    assert to_give_up(DiskPolicy(reserve, 0), free, slices) == []
    chosen = to_give_up(DiskPolicy(reserve, 0, unsent_may_go=True), free, slices)
    unsent = [one for one in slices if one.state is SliceState.RECORDED]
    assert chosen == unsent[: len(chosen)]
    gone = sum(one.size for one in chosen)
    assert free + gone >= reserve or chosen == unsent
    if chosen:
        assert free + gone - chosen[-1].size < reserve


def test_facts_of_a_disk_that_hangs_keep_their_numbers() -> None:
    facts = replace(MediaFacts(9 * GB, 10 * GB), error="does not answer")
    verdict = judge(facts, POLICY, 0, lessons=[], rates={}, now=NOW)
    assert (verdict.state, verdict.detail) == ("failing", "does not answer")
