"""The ring against a plain list of everything that ever came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.stream.ring import Ring
from recorder.stream.timeline import Lineup, Timed
from tests.recorder.packets import AUDIO, VIDEO, timed

BOTH = Lineup(1, (VIDEO, AUDIO))
SOUND = Lineup(1, (AUDIO,))

streams = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.floats(0.01, 3.0), st.integers(1, 50)), min_size=1, max_size=80
)


def build(items: list[tuple[bool, bool, float, int]], lineup: Lineup = BOTH) -> list[Timed]:
    at, out = 0.0, []
    for seq, (video, key, step, size) in enumerate(items):
        at += step
        track = VIDEO if video and lineup is BOTH else AUDIO
        out.append(timed(seq, at, lineup=lineup, track=track, key=key, size=size))
    return out


@given(streams, st.floats(0, 20), st.integers(1, 2000), st.floats(-5, 250))
def test_what_the_ring_gives_is_the_end_of_the_stream(
    items: list[tuple[bool, bool, float, int]], seconds: float, max_bytes: int, at: float
) -> None:
    stream = build(items)
    ring = Ring(seconds, max_bytes)
    for count, one in enumerate(stream, 1):
        ring.append(one)
        kept = ring.since(-1e9)
        assert ring.size == sum(len(one.packet.data) for one in kept) <= max_bytes
        # Without a hole up to the newest, and beginning with a key frame.
        assert not kept or kept == stream[count - len(kept) : count]
        assert not kept or kept[0].opens
        assert ring.last_group() == kept[max((n for n, one in enumerate(kept) if one.opens), default=0) :]
    given_back = ring.since(at)
    keys = [one.at for one in kept if one.opens and one.at <= at]
    if kept:
        assert given_back[0].at == (max(keys) if keys else kept[0].at)


@given(streams, st.floats(0, 20))
def test_enough_is_kept_when_bytes_do_not_matter(items: list[tuple[bool, bool, float, int]], seconds: float) -> None:
    stream = build(items)
    ring = Ring(seconds, 1 << 30)
    for one in stream:
        ring.append(one)
    kept = ring.since(-1e9)
    keys = [one.at for one in stream if one.opens]
    if keys:
        assert kept[0].at == max([key for key in keys if stream[-1].at - key >= seconds], default=keys[0])


def test_what_came_before_a_loss_begins_nothing_after_it() -> None:
    """A camera that went away in the morning must not open the afternoon's lesson with the morning's last picture."""
    ring = Ring(30.0, 1 << 20)
    old = build([(True, n == 0, 0.04, 10) for n in range(25)])
    for one in old:
        ring.append(one)
    ring.end_session()
    assert ring.since(old[-1].at) == old  # the recording that was on may need it again
    assert ring.since(old[-1].end + 3600.0) == []
    assert ring.last_group() == []
    assert ring.tail(5, lambda _: True) == []

    again = Lineup(2, (VIDEO, AUDIO))
    ring.append(timed(25, 5000.0, lineup=again))  # the new connection begins within a key-frame group
    assert ring.since(4000.0) == []
    new = [timed(26 + n, 5000.1 + n, lineup=again, key=True) for n in range(3)]
    for one in new:
        ring.append(one)
    assert ring.since(4000.0) == new
    assert ring.tail(5, lambda _: True) == new
    assert ring.last_group() == new[-1:]


def test_sound_alone_may_begin_anywhere() -> None:
    stream = build([(False, False, 0.02, 10)] * 100, SOUND)
    ring = Ring(1.0, 1 << 20)
    for one in stream:
        ring.append(one)
    assert ring.since(stream[80].at + 0.001) == stream[80:]
    assert ring.last_group() == stream[-1:]
    assert 1.0 <= stream[-1].at - ring.since(0.0)[0].at < 1.1


@given(streams, st.floats(0, 5), st.floats(0, 100))
def test_while_recorded_what_is_needed_stays_and_no_more(
    items: list[tuple[bool, bool, float, int]], seconds: float, since: float
) -> None:
    stream = build(items)
    ring = Ring(seconds, 1 << 30)
    ring.needed_since = since
    for one in stream:
        ring.append(one)
    keys = [one.at for one in stream if one.opens]
    if keys:
        assert ring.since(-1e9)[0].at == max([key for key in keys if key <= since], default=keys[0])
