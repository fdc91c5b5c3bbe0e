"""The queue between reader and writer: bounded, in order, and honest about what it dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.stream.feed import Feed, Mark
from recorder.stream.ring import Ring
from recorder.stream.timeline import Lineup, Timed
from tests.recorder.packets import AUDIO, VIDEO, timed

BOTH = Lineup(1, (VIDEO, AUDIO))


def stream(groups: list[int], size: int = 10) -> list[Timed]:
    keys = [n == 0 for length in groups for n in range(length)]
    return [timed(seq, seq * 0.04, lineup=BOTH, key=key, size=size) for seq, key in enumerate(keys)]


def test_only_the_ring_gets_packets_while_nothing_is_recorded() -> None:
    feed = Feed(Ring(30.0, 1 << 20), 1 << 20)
    packets = stream([5, 5, 5])
    for one in packets[:12]:
        feed.put(one)
    assert feed.take(0.0) == []
    assert feed.since(packets[7].at) == packets[5:12]
    for one in packets[12:]:
        feed.put(one)
    assert feed.take(0.0) == packets[12:]
    feed.rest()
    feed.put(timed(99, 9.9, lineup=BOTH))
    assert feed.take(0.0) == []
    assert feed.last_group()[-1].seq == 99


def test_commands_keep_their_place_among_packets() -> None:
    feed = Feed(Ring(30.0, 1 << 20), 1 << 20)
    feed.since(0.0)
    first, second = stream([2])
    done: list[str] = []
    feed.put(first)
    feed.command(lambda: done.append("command"))
    feed.put(second)
    items = feed.take(60.0)  # woken by the command, not by the time
    assert items[0] is first
    assert items[2] is second


@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=20),
    st.integers(30, 300),
    st.lists(st.integers(0, 40), max_size=20),
)
def test_what_is_dropped_leaves_only_decodable_groups(groups: list[int], bound: int, drains: list[int]) -> None:
    feed = Feed(Ring(30.0, 1 << 20), bound)
    feed.since(0.0)
    got: list[Timed | Mark] = []

    def drain() -> None:
        for item in feed.take(0.0):
            assert isinstance(item, Timed | Mark)
            got.append(item)
            if isinstance(item, Timed):
                feed.done(item)

    packets = stream(groups)
    for index, one in enumerate(packets):
        if index in drains:
            drain()
        feed.put(one)
        assert feed.queued_bytes <= bound
    drain()
    assert feed.queued_bytes == 0
    # Every hole is marked where it is, and behind it comes a key frame.
    last, marked = -1, False
    for item in got:
        if isinstance(item, Timed):
            assert (item.seq == last + 1) is not marked
            assert not marked or item.opens
            last, marked = item.seq, False
        else:
            assert item is Mark.OVERFLOW
            marked = True
    assert marked is (last != len(packets) - 1)


def test_a_hole_is_marked_where_it_ends_too() -> None:
    """A recording that begins while packets are dropped takes them out of the ring up to there, and misses the rest."""
    feed = Feed(Ring(30.0, 1 << 20), 50)
    feed.since(0.0)
    packets = stream([5, 5, 5])
    for one in packets[:7]:
        feed.put(one)
    assert feed.take(0.0)[-1] is Mark.OVERFLOW
    for one in packets[:5]:
        feed.done(one)
    assert feed.since(0.0) == packets[:7]
    for one in packets[7:]:
        feed.put(one)
    assert feed.take(0.0) == [Mark.OVERFLOW, *packets[10:15]]


def test_the_writer_waits_no_longer_than_told() -> None:
    feed = Feed(Ring(30.0, 1 << 20), 1 << 20)
    assert feed.take(0.01) == []
    assert feed.queued_bytes == pytest.approx(0)
