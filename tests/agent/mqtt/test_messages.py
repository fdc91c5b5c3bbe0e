"""The daemon's view as retained messages."""

from __future__ import annotations

import json
from typing import Any

from agent.mqtt.messages import state_messages
from agent.mqtt.topics import Topics
from agent.status import DaemonView
from tests.agent.views import NOW, alarm, channel, push, recording, view

TOPICS = Topics.of("gather", "0123456789abcdef0123456789abcdef")
BASE = "gather/0123456789ab"


def states(shown: DaemonView) -> dict[str, Any]:
    return {topic.removeprefix(BASE): json.loads(text) for topic, text in state_messages(shown, TOPICS).items()}


def test_the_state_of_a_good_day() -> None:
    found = states(view())
    agent, one = found["/state"], found["/channel/1/state"]
    assert (agent["health"], agent["problem"], agent["recording"]) == ("well", "OFF", 1)
    assert (agent["next_lesson"], agent["next_lesson_will_be_recorded"]) == ("2027-01-15T08:15:00+00:00", "yes")
    assert (agent["next_lesson_at_risk"], agent["server_connected"], agent["server"]) == ("OFF", "ON", "connected")
    assert (one["name"], one["recording"], one["not_recording"]) == ("Room 101", "ON", "OFF")
    assert (one["online"], one["wanted"], one["picture_problem"]) == ("ON", "ON", "OFF")
    assert (one["title"], one["until"], one["by_hand"]) == ("数学", "2027-01-15T08:15:00+00:00", "OFF")


def test_a_lesson_that_is_lost() -> None:
    found = states(view(channels=(channel(state="waiting", cause="stalled", due=1),), alarms=(alarm(),)))
    agent, one = found["/state"], found["/channel/1/state"]
    assert (agent["health"], agent["not_recording"], agent["recording"]) == ("not_recording", "ON", 0)
    assert agent["alarms"][0]["alarm"] == "not_recording"
    assert agent["alarms"][0]["detail"] == "no packet for 5 s"
    assert (agent["alarms"][0]["why"], agent["alarms"][0]["figures"]) == ("", {})
    assert (one["recording"], one["not_recording"], one["due"], one["cause"]) == ("OFF", "ON", "ON", "stalled")
    assert one["picture_problem"] == "OFF", "which is something else"


def test_a_picture_that_is_black_is_no_lesson_that_is_lost() -> None:
    found = states(view(alarms=(alarm(kind="black"),)))
    agent, one = found["/state"], found["/channel/1/state"]
    assert (one["picture_problem"], one["alarms"], one["not_recording"], one["recording"]) == (
        "ON",
        ["black"],
        "OFF",
        "ON",
    )
    assert (agent["problem"], agent["not_recording"]) == ("ON", "OFF")


def test_what_cannot_be_recorded_next_and_a_server_that_is_away() -> None:
    agent = states(view(link="offline", disk_free=10**6))["/state"]
    assert (agent["next_lesson_at_risk"], agent["next_lesson_will_be_recorded"]) == ("ON", "no")
    assert (agent["server_connected"], agent["server"]) == ("OFF", "offline")
    doubtful = states(view(channels=(channel(state="connecting", recordings=()),)))["/state"]
    assert (doubtful["next_lesson_at_risk"], doubtful["next_lesson_will_be_recorded"]) == ("ON", "doubtful")
    alone = states(view(server="", channels=(channel(wanted=False, state="off", recordings=()),)))
    assert (alone["/state"]["server_connected"], alone["/state"]["server"]) == (None, "none")
    assert (alone["/channel/1/state"]["wanted"], alone["/channel/1/state"]["online"]) == ("OFF", "OFF")


def test_a_recording_by_hand() -> None:
    by_hand = recording(course_id=0, title="", planned_end=None)
    one = states(view(channels=(channel(recordings=(by_hand,)),)))["/channel/1/state"]
    assert (one["by_hand"], one["recording"], one["title"], one["until"]) == ("ON", "ON", "", None)


def test_somebody_watches() -> None:
    found = states(view(channels=(channel(live=push()), channel(camera_id=2, live=push(state="waiting", cause="tls")))))
    one, two = found["/channel/1/state"], found["/channel/2/state"]
    assert (one["live"], one["live_target"], one["live_since"]) == (
        "ON",
        "rtmp://school/live/***",
        "2027-01-15T07:58:30+00:00",
    )
    assert (two["live"], two["live_cause"]) == ("OFF", "tls")


def test_a_quiet_second_changes_nothing() -> None:
    before = view(channels=(channel(bit_rate=4e6, live=push()),), disk_free=10**10)
    after = view(
        now=NOW + 1,
        channels=(channel(bit_rate=4.1e6, packet_age_sec=0.7, live=push(sent_bytes=9**9, until=NOW + 60)),),
        disk_free=10**10 - 4 * 10**6,
    )
    assert state_messages(before, TOPICS) == state_messages(after, TOPICS)
