"""A refused password is not tried until the camera locks."""

from __future__ import annotations

import pytest

from recorder.stream.refusals import AGAIN_SEC, Refusals

LOCKS_AFTER = 5
"""Attempts within half an hour: what most cameras come with."""


def attempts(refusals: Refusals, streams: int, end: float, asked: set[float]) -> list[float]:
    """When a camera that refuses always is tried; all streams come at first, and then look every two seconds."""
    tried, wishes = [0.0] * streams, [False] * streams
    for _ in tried:
        refusals.refused(0.0)
    now = 2.0
    while now < end:
        for number in range(streams):
            wishes[number] |= now in asked
            if refusals.may_try(now, asked=wishes[number]):
                tried.append(now)
                wishes = [False] * streams
                refusals.refused(now + 0.1)
        now += 2.0
    return tried


@pytest.mark.parametrize("was_good", [False, True])
@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("asked", [set[float](), {3600.0, 3630.0}, {one * 2700.0 for one in range(1, 13)}])
def test_a_camera_is_never_tried_until_it_locks(was_good: bool, streams: int, asked: set[float]) -> None:
    refusals = Refusals(900.0)
    if was_good:
        refusals.accepted()
    tried = attempts(refusals, streams, 36_000.0, asked)
    assert len(tried) > 36
    for first in tried:
        assert len([one for one in tried if first <= one < first + 1800]) < LOCKS_AFTER


@pytest.mark.parametrize(("streams", "rests"), [(1, 900.0), (2, 1660.0)])
def test_a_password_that_was_good_is_tried_again_soon_as_a_camera_may_only_be_starting(
    streams: int, rests: float
) -> None:
    refusals = Refusals(900.0)
    refusals.accepted()
    soon, later = AGAIN_SEC
    waits = [refusals.refused(at) for at in (*[0.0, 0.2][:streams], soon, soon + later)]
    assert waits == [*[soon, soon - 0.2][:streams], later, pytest.approx(rests)]


def test_what_is_wanted_now_is_tried_now_but_not_in_a_row() -> None:
    assert attempts(Refusals(900.0), 2, 890.0, {30.0, 300.0, 302.0, 330.0}) == [0.0, 0.0, 120.0, 300.0, 422.0]


def test_all_streams_go_on_when_one_is_accepted() -> None:
    refusals = Refusals(900.0)
    refusals.refused(0.0)
    assert refusals.may_try(900.0, asked=False)
    assert not refusals.may_try(901.0, asked=False)
    refusals.accepted()
    assert refusals.may_try(902.0, asked=False)
    assert refusals.may_try(902.0, asked=False)
