"""The backlog of a slow line: bounded, and what comes through is whole key-frame groups with cuts between them."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from recorder.live.backlog import Backlog
from recorder.packets import Packet, Track
from recorder.stream.timeline import Lineup, Timed

VIDEO = Track(0, "video", "h264", Fraction(1, 25))
GOP = 5


def packets(count: int, size: int = 100, *, session: int = 1, first: int = 0) -> list[Timed]:
    lineup = Lineup(session, (VIDEO,))
    return [
        Timed(
            Packet(VIDEO, bytes(size), n, n, 1, n % GOP == 0, 0.0),
            n / 25,
            (n + 1) / 25,
            n,
            lineup,
            opens=n % GOP == 0,
            leads=True,
        )
        for n in range(first, first + count)
    ]


def drained(backlog: Backlog) -> list[int]:
    taken = []
    while (timed := backlog.take()) is not None:
        taken.append(timed.seq)
    return taken


def test_a_line_that_keeps_up_gets_everything() -> None:
    backlog = Backlog(10_000, 5.0)
    taken = []
    for timed in packets(40):
        backlog.put(timed, timed.at)
        taken += drained(backlog)
    assert taken == list(range(40))
    assert (backlog.skipped, backlog.size) == (0, 0)


def test_what_does_not_fit_makes_room_for_the_next_key_frame() -> None:
    backlog = Backlog(700, 5.0)
    for timed in packets(12):
        backlog.put(timed, 0.0)
    assert drained(backlog) == [10, 11]  # 0 to 6 went when 7 came, 7 to 9 begin nothing
    assert backlog.skipped == 10


def test_what_has_waited_too_long_is_not_sent_any_more() -> None:
    backlog = Backlog(10_000, 1.0)
    for timed in packets(3):
        backlog.put(timed, 0.0)
    for timed in packets(7, first=3):
        backlog.put(timed, 2.0)
    assert drained(backlog) == [5, 6, 7, 8, 9]
    assert backlog.skipped == 5


def test_another_connection_and_another_stream_begin_with_a_key_frame() -> None:
    backlog = Backlog(10_000, 5.0)
    for timed in (*packets(3), *packets(4, session=2, first=3)):
        backlog.put(timed, 0.0)
    assert drained(backlog) == [0, 1, 2, 5, 6]
    assert backlog.skipped == 0
    backlog.put(packets(1, first=7)[0], 0.0)
    backlog.restart()
    assert drained(backlog) == []
    for timed in packets(4, session=2, first=8):
        backlog.put(timed, 0.0)
    assert drained(backlog) == [10, 11]


def test_a_packet_larger_than_everything_is_passed_over() -> None:
    backlog = Backlog(1000, 5.0)
    for timed in (*packets(1, 2000), *packets(4, first=1), *packets(2, first=5)):
        backlog.put(timed, 0.0)
    assert drained(backlog) == [5, 6]


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3), st.floats(0, 1)), max_size=120),
    st.integers(400, 2000),
)
def test_bounded_and_always_whole_groups(steps: list[tuple[int, int, float]], limit: int) -> None:
    """Each step: a packet of some size comes, some are taken, time passes."""
    backlog = Backlog(limit, 2.0)
    taken: list[Timed] = []
    now = 0.0
    stream = [
        Timed(
            Packet(VIDEO, bytes(size), n, n, 1, n % GOP == 0, 0.0),
            n / 25,
            0.0,
            n,
            Lineup(1, (VIDEO,)),
            n % GOP == 0,
            True,
        )
        for n, (size, _, _) in enumerate(steps)
    ]
    lost = 0
    for timed, (_, takes, passes) in zip(stream, steps, strict=True):
        now += passes
        backlog.put(timed, now)
        assert backlog.size <= limit
        for _ in range(takes):
            taken += filter(None, [backlog.take()])
    taken += iter(backlog.take, None)
    lost = len(stream) - len(taken)
    assert backlog.skipped == lost
    assert backlog.size == 0
    for before, after in itertools.pairwise(taken):
        assert after.seq == before.seq + 1 or (after.seq > before.seq and after.opens)
    assert not taken or taken[0].opens
