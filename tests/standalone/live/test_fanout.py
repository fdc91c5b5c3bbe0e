"""Viewers of one channel: first picture at once, whole groups only, a time without holes, bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.live import fanout
from agent.standalone.live.fanout import Broadcast, Viewer
from agent.standalone.live.flv import Kind, Tag
from tests.standalone.live.streams import (
    AAC_HEADER,
    AVC_HEADER,
    FRAME_MS,
    GOP,
    HEADERS,
    HEVC_HEADER,
    META,
    number_of,
    picture,
    pictures,
    read,
    sound,
)


def publish(broadcast: Broadcast, tags: Iterable[Tag], publisher: object | None = None) -> object:
    publisher = publisher or broadcast.publish()
    for tag in tags:
        broadcast.take(publisher, tag)
    return publisher


def join(broadcast: Broadcast) -> Viewer:
    return broadcast.join(lambda: None)


def taken(viewer: Viewer) -> bytes:
    data = b""
    while piece := viewer.take(1000):
        data += piece
    assert viewer.size == 0
    return data


def stamps(tags: list[Tag]) -> list[int]:
    return [tag.at for tag in tags if tag.kind is Kind.VIDEO and not tag.is_header]


def test_who_comes_late_begins_with_the_last_key_frame_at_time_zero() -> None:
    broadcast = Broadcast()
    publish(broadcast, [*HEADERS, *map(picture, range(8))])
    assert broadcast.live
    tags = read(taken(join(broadcast)))
    assert tags[:3] == list(HEADERS)
    assert pictures(tags) == [5, 6, 7]
    assert stamps(tags) == [0, FRAME_MS, 2 * FRAME_MS]


def test_who_comes_before_the_publisher_gets_everything_from_its_first_key_frame() -> None:
    broadcast = Broadcast()
    viewer = join(broadcast)
    publish(broadcast, [*HEADERS, *map(picture, range(3, 12))])
    assert pictures(read(taken(viewer))) == list(range(5, 12))


def test_sound_goes_with_the_picture_and_alone() -> None:
    broadcast = Broadcast()
    publish(broadcast, [*HEADERS, picture(0), sound(0), picture(1), sound(1)])
    assert [tag.kind for tag in read(taken(join(broadcast)))[3:]] == [Kind.VIDEO, Kind.AUDIO] * 2
    alone = Broadcast()
    viewer = join(alone)
    publish(alone, [META, AAC_HEADER, sound(0), sound(1)])
    data = taken(viewer)
    assert data[4] == 4  # the file says: sound only
    assert [tag.kind for tag in read(data)] == [Kind.SCRIPT, Kind.AUDIO, Kind.AUDIO, Kind.AUDIO]


def test_the_newest_publisher_wins_and_viewers_go_on_without_a_hole() -> None:
    broadcast = Broadcast()
    old = publish(broadcast, [*HEADERS, *map(picture, range(7))])
    viewer = join(broadcast)
    new = publish(broadcast, [*HEADERS, picture(10, first=10)])
    publish(broadcast, [picture(7)], old)
    publish(broadcast, [picture(11, first=10)], new)
    broadcast.unpublish(old)
    assert broadcast.live
    tags = read(taken(viewer))
    assert pictures(tags) == [5, 6, 10, 11]
    assert stamps(tags) == [0, 40, 80, 120]
    assert sum(tag.is_header for tag in tags) == 2  # the same ones are not said again


def test_other_parameter_sets_are_said_and_another_codec_ends_the_viewer() -> None:
    broadcast = Broadcast()
    publish(broadcast, [*HEADERS, *map(picture, range(3))])
    viewer = join(broadcast)
    other = Tag(Kind.VIDEO, 0, AVC_HEADER.body + b" other")
    publish(broadcast, [META, other, AAC_HEADER, picture(5, first=5)])
    assert [tag.body for tag in read(taken(viewer)) if tag.is_header] == [AVC_HEADER.body, AAC_HEADER.body, other.body]
    assert not viewer.over
    publish(broadcast, [META, HEVC_HEADER, AAC_HEADER, Tag(Kind.VIDEO, 0, b"\x91hvc1frame")])
    assert viewer.over
    assert not join(broadcast).over


def test_an_end_that_a_publisher_says_is_not_passed_on() -> None:
    broadcast = Broadcast()
    publisher = publish(broadcast, [*HEADERS, picture(0), Tag(Kind.VIDEO, 40, b"\x17\x02\0\0\0")])
    viewer = join(broadcast)
    broadcast.unpublish(publisher)
    assert not broadcast.live
    assert not viewer.over
    assert not any(tag.is_aside for tag in read(taken(viewer)))
    assert pictures(read(taken(join(broadcast)))) == []


def test_a_group_without_end_is_not_kept() -> None:
    broadcast = Broadcast()
    size = fanout.GROUP_BYTES // 3
    publish(broadcast, [*HEADERS, picture(0, size=size), picture(1, size=size), picture(2, size=size), picture(3)])
    assert broadcast._group == []
    assert pictures(read(taken(join(broadcast)))) == []


def test_a_slow_viewer_jumps_and_the_others_do_not() -> None:
    broadcast = Broadcast()
    publisher = publish(broadcast, HEADERS)
    slow, quick = join(broadcast), join(broadcast)
    quick_got = b""
    for number in range(12):
        publish(broadcast, [picture(number, size=fanout.VIEWER_BYTES // 4)], publisher)
        quick_got += taken(quick)
    assert pictures(read(quick_got)) == list(range(12))
    tags = read(taken(slow))
    assert slow.cuts == 2
    assert pictures(tags) == [10, 11]
    assert tags[:3] == [Tag(tag.kind, 0, tag.body) for tag in HEADERS]


def test_a_viewer_who_is_seconds_behind_goes_on_with_the_next_key_frame() -> None:
    broadcast = Broadcast()
    publisher = publish(broadcast, HEADERS)
    viewer = join(broadcast)
    count = fanout.VIEWER_BEHIND_MS // FRAME_MS + 2 * GOP
    publish(broadcast, map(picture, range(count)), publisher)
    numbers = pictures(read(taken(viewer)))
    assert viewer.cuts == 1
    assert numbers[0] % GOP == 0
    assert 0 < count - numbers[0] <= 2 * GOP


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 600)),
            st.tuples(st.just("take"), st.integers(1, 2000)),
            st.tuples(st.just("republish"), st.just(0)),
            st.tuples(st.just("sound"), st.just(0)),
        ),
        max_size=150,
    )
)
def test_whatever_a_viewer_takes_is_a_stream_that_plays(steps: list[tuple[str, int]]) -> None:
    """Bounded; groups whole from their key frame to a cut; stamps rise and never leave a hole."""
    limit, fanout.VIEWER_BYTES = fanout.VIEWER_BYTES, 1500
    try:
        broadcast = Broadcast()
        publisher = publish(broadcast, HEADERS)
        viewer = join(broadcast)
        got, number, first = b"", 0, 0
        for step, value in steps:
            if step == "put":
                publish(broadcast, [picture(number, size=value, first=first)], publisher)
                number += 1
            elif step == "sound":
                publish(broadcast, [Tag(Kind.AUDIO, (number - first) * FRAME_MS, b"\xaf\x01s")], publisher)
            elif step == "republish":
                publisher, first = publish(broadcast, HEADERS), number
            else:
                got += viewer.take(value)
            assert viewer.size <= 1500 + 1000  # one tag and the headers may come on top
        got += taken(viewer)
    finally:
        fanout.VIEWER_BYTES = limit
    tags = read(got)
    frames = [tag for tag in tags if tag.kind is Kind.VIDEO and not tag.is_header]
    for before, after in itertools.pairwise(frames):
        assert after.at - before.at == FRAME_MS or (after.is_key and 0 < after.at - before.at <= 2 * FRAME_MS)
        assert number_of(after) == number_of(before) + 1 or after.is_key
    if frames:
        assert frames[0].is_key
        # A cut in the middle of the headers has those before it told twice.
        headers = tags[: tags.index(frames[0])]
        assert {tag.kind for tag in headers} == set(Kind)
