"""What waits for the broker: in order, bounded, and honest about what was too much."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.mqtt.news import EVENT_TYPES, WAITING, News, event_type
from agent.status import Happening

AT = 1_800_000_000.0


def happening(kind: Any, **data: Any) -> Happening:
    return Happening(kind=kind, text="a whole sentence", camera_id=7, data=data)


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("alarm", {"alarm": "not_recording", "state": "raised"}, "alarm_raised"),
        ("alarm", {"alarm": "not_recording", "state": "cleared"}, "alarm_cleared"),
        ("alarm", {"alarm": "disk", "state": "full"}, "alarm_raised"),
        ("disk", {"alarm": "disk", "state": "well"}, "alarm_cleared"),
        ("gap", {"cause": "restart"}, "gap"),
        ("recording", {"slice_id": 3}, "recording_began"),
        ("recording", {"slice_id": 3, "ended": 1}, "recording_ended"),
        ("snapshot", {}, None),
        ("slice", {}, None),
    ],
)
def test_which_happenings_are_events(kind: str, data: dict[str, Any], told: str | None) -> None:
    assert event_type(happening(kind, **data)) == told
    assert told is None or told in EVENT_TYPES
    news = News()
    assert news.take(happening(kind, **data), AT) == (told is not None)
    assert (news.next() is None) == (told is None)


def test_an_event_says_what_when_and_where() -> None:
    news = News()
    news.take(happening("gap", cause="restart", since=1.5), AT)
    message = json.loads(news.next() or "")
    assert message == {
        "event": "gap",
        "event_type": "gap",
        "at": "2027-01-15T08:00:00+00:00",
        "camera_id": 7,
        "text": "a whole sentence",
        "cause": "restart",
        "since": 1.5,
    }


def test_events_wait_in_order_until_they_are_told() -> None:
    news = News()
    for number in range(3):
        news.take(happening("gap", number=number), AT)
    first = news.next()
    assert first is not None and news.next() == first, "not told: it waits on"
    told = []
    while (message := news.next()) is not None:
        told.append(json.loads(message)["number"])
        news.told(message)
    assert told == [0, 1, 2]


def test_the_oldest_are_given_up_and_counted() -> None:
    news = News()
    for number in range(WAITING + 5):
        news.take(happening("gap", number=number), AT)
    first = news.next() or ""
    assert (json.loads(first)["number"], json.loads(first)["missed_before"]) == (5, 5)
    news.told(first)
    second = json.loads(news.next() or "")
    assert second["number"] == 6 and "missed_before" not in second
    message = news.next() or ""
    news.take(happening("gap", number=-1), AT)
    news.take(happening("gap", number=-2), AT)  # pushes the one under way out
    news.told(message)
    assert json.loads(news.next() or "")["number"] == 7, "nothing else is taken for told"
