"""Sequence numbers: order restored, each packet once, what never came counted."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from recorder.source.rtsp.ordering import DEPTH, MAX_DROPOUT, PATIENCE_SEC, Arrived, Ordering


def feed(ordering: Ordering, sequence: int, now: float = 0.0) -> list[Arrived]:
    return ordering.add(sequence & 0xFFFF, sequence, 0, b"%d" % sequence, now)


@given(st.integers(0, 0xFFFF), st.integers(1, 400), st.integers(0, 20), st.floats(0, 0.2), st.randoms())
def test_disorder_is_mended(first: int, count: int, late: int, twice: float, chance: random.Random) -> None:
    order = sorted(range(count), key=lambda n: n + chance.random() * late)
    order = [n for n in order for _ in range(1 + (chance.random() < twice))]
    ordering = Ordering()
    ordering.expected = first
    out = [one for n in order for one in feed(ordering, first + n)]
    assert [one.stamp for one in out] == list(range(first, first + count))
    assert ordering.lost == 0
    assert not ordering.holding


@given(st.integers(0, 0xFFFF), st.sets(st.integers(1, 298), max_size=60))
def test_what_never_came_is_counted_where_it_is_missing(first: int, missing: set[int]) -> None:
    ordering = Ordering()
    out = [one for n in range(300) if n not in missing for one in feed(ordering, first + n, n / 10)]
    out += ordering.overdue(1e9)
    assert [one.stamp - first for one in out] == [n for n in range(300) if n not in missing]
    place = 0
    for one in out:
        place += one.lost
        assert one.stamp - first == place
        place += 1
    assert ordering.lost == len(missing)


def test_a_hole_is_waited_for_so_long_and_no_longer() -> None:
    ordering = Ordering()
    feed(ordering, 10)
    assert feed(ordering, 12, 1.0) == []
    assert ordering.overdue(1.0 + PATIENCE_SEC / 2) == []
    assert [(one.stamp, one.lost) for one in ordering.overdue(1.0 + PATIENCE_SEC)] == [(12, 1)]
    assert feed(ordering, 11, 2.0) == [], "too late: it counts as lost"


def test_a_hole_holds_back_no_more_than_so_many() -> None:
    ordering = Ordering()
    feed(ordering, 0)
    out = [one for n in range(2, DEPTH + 4) for one in feed(ordering, n)]
    assert len(out) >= DEPTH
    assert out[0].lost == 1


def test_a_stray_is_dropped_and_a_new_count_is_followed() -> None:
    ordering = Ordering()
    feed(ordering, 0)
    assert feed(ordering, 30_000) == []
    assert [one.stamp for one in feed(ordering, 1)] == [1]
    far = 2 + MAX_DROPOUT + 5000
    assert feed(ordering, far) == []
    assert [(one.stamp, one.lost) for one in feed(ordering, far + 1)] == [(far + 1, 1)]
    assert [one.stamp for one in feed(ordering, far + 2)] == [far + 2]


@given(st.lists(st.integers(0, 0xFFFF), max_size=300))
def test_any_numbers_at_all(numbers: list[int]) -> None:
    ordering = Ordering()
    out = [one for at, number in enumerate(numbers) for one in feed(ordering, number, at / 100)]
    assert len(out) <= len(numbers)
