"""The daemon's view as retained messages, and how Home Assistant is told of them."""

from __future__ import annotations

import json
from typing import Any

from agent.mqtt.messages import Discovery, discovery_messages, state_messages, topics_of_channel
from agent.mqtt.topics import Topics
from agent.status import DaemonView
from tests.agent.views import NOW, alarm, channel, push, recording, view

TOPICS = Topics.of("gather", "0123456789abcdef0123456789abcdef")
BASE = "gather/0123456789ab"


def states(shown: DaemonView) -> dict[str, Any]:
    return {topic.removeprefix(BASE): json.loads(text) for topic, text in state_messages(shown, TOPICS).items()}


def told(shown: DaemonView, orders: tuple[str, ...] = (), *, pictures: bool = False) -> dict[str, Any]:
    how = Discovery("homeassistant", pictures, lambda camera_id: orders if camera_id == 1 else ())
    return {topic: json.loads(text) for topic, text in discovery_messages(shown, TOPICS, how).items()}


def test_the_state_of_a_good_day() -> None:
    found = states(view())
    agent, one = found["/state"], found["/channel/1/state"]
    assert (agent["health"], agent["problem"], agent["recording"]) == ("well", "OFF", 1)
    assert (agent["next_lesson"], agent["next_lesson_will_be_recorded"]) == ("2027-01-15T08:15:00+00:00", "yes")
    assert (one["name"], one["recording"], one["not_recording"]) == ("Room 101", "ON", "OFF")
    assert (one["title"], one["until"], one["by_hand"]) == ("数学", "2027-01-15T08:15:00+00:00", "OFF")


def test_a_lesson_that_is_lost() -> None:
    found = states(view(channels=(channel(state="waiting", cause="stalled", due=1),), alarms=(alarm(),)))
    agent, one = found["/state"], found["/channel/1/state"]
    assert (agent["health"], agent["not_recording"], agent["recording"]) == ("not_recording", "ON", 0)
    assert agent["alarms"][0]["alarm"] == "not_recording"
    assert (one["recording"], one["not_recording"], one["due"], one["cause"]) == ("OFF", "ON", "ON", "stalled")


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


def test_home_assistant_is_told_of_what_is_there() -> None:
    shown = view(channels=(channel(), channel(camera_id=2, name="")))
    found = told(shown)
    assert len({config["unique_id"] for config in found.values()}) == len(found) == 7 + 2 * 4
    for topic, config in found.items():
        kind, unique = topic.split("/")[1:3]
        assert config["default_entity_id"] == f"{topic.split('/')[1]}.{unique}" and config["object_id"] == unique
        assert config["unique_id"] == unique and config["availability_topic"] == f"{BASE}/status"
        assert kind in ("binary_sensor", "sensor")
        (state,) = [text for name, text in state_messages(shown, TOPICS).items() if name == config["state_topic"]]
        key = config["value_template"].removeprefix("{{ value_json.").removesuffix(" }}")
        assert key in json.loads(state), f"{topic} reads {key}, which is not told"
    devices = {config["device"]["identifiers"][0]: config["device"]["name"] for config in found.values()}
    assert devices["gather_0123456789ab_1"] == "Room 101"


def test_only_what_may_be_ordered_is_a_switch() -> None:
    shown = view(channels=(channel(), channel(camera_id=2)))
    orders = {
        config["command_topic"] for config in told(shown, ("record", "snapshot")).values() if "command_topic" in config
    }
    assert orders == {f"{BASE}/channel/1/record/set", f"{BASE}/channel/1/snapshot/set"}
    cameras = [config["topic"] for topic, config in told(shown, pictures=True).items() if "/camera/" in topic]
    assert cameras == [f"{BASE}/channel/1/picture", f"{BASE}/channel/2/picture"]


def test_without_a_prefix_nobody_is_told() -> None:
    assert discovery_messages(view(), TOPICS, Discovery("", True, lambda _: ("record",))) == {}


def test_everything_about_a_channel_can_be_taken_back() -> None:
    shown = view(channels=(channel(),))
    about = {
        topic
        for topic in (*told(shown, ("record", "snapshot"), pictures=True), *state_messages(shown, TOPICS))
        if "_1_" in topic or "/channel/1/" in topic
    }
    assert about | {TOPICS.picture(1)} == topics_of_channel(1, TOPICS, "homeassistant")
