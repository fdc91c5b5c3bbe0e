"""How Home Assistant is told what there is. What it makes of it: tests/integration/test_home_assistant.py."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agent.mqtt.discovery import Discovery, discovery_messages, topics_of_channel
from agent.mqtt.messages import state_messages
from agent.mqtt.topics import ORDERS, Topics
from agent.status import DaemonView
from agent.words import Language
from tests.agent.views import channel, view

UID = "0123456789abcdef0123456789abcdef"
TOPICS = Topics.of("gather", UID)
BASE = "gather/0123456789ab"


def told(
    shown: DaemonView, orders: tuple[str, ...] = (), *, pictures: bool = False, language: Language = "en"
) -> dict[str, Any]:
    how = Discovery("homeassistant", pictures, lambda camera_id: orders if camera_id == 1 else (), language)
    return {topic: json.loads(text) for topic, text in discovery_messages(shown, TOPICS, how).items()}


def read_by(template: str) -> set[str]:
    """The fields of a state that a template reads."""
    return set(re.findall(r"value_json\.(\w+)", template))


def test_what_is_there_is_told_and_reads_what_is_told() -> None:
    shown = view(channels=(channel(), channel(camera_id=2, name="")))
    found = told(shown, ORDERS, pictures=True)
    states = {topic: json.loads(text) for topic, text in state_messages(shown, TOPICS).items()}
    assert len({config["unique_id"] for config in found.values()}) == len(found) == 9 + 6 + 3 + 6
    for topic, config in found.items():
        kind, unique = topic.split("/")[1:3]
        assert config["default_entity_id"] == f"{kind}.{unique}" and config["object_id"] == unique
        assert config["unique_id"] == unique and config["availability_topic"] == f"{BASE}/status"
        assert config["device"]["identifiers"] == [unique[: len("gather_0123456789ab")] + _channel_of(unique)]
        state = states.get(config.get("state_topic", ""), {})
        if kind in ("binary_sensor", "sensor", "switch"):
            assert read_by(config["value_template"]) and read_by(config["value_template"]) <= state.keys(), topic
        more = states.get(config.get("json_attributes_topic", ""), {})
        assert read_by(config.get("json_attributes_template", "")) <= more.keys(), topic
    devices = {config["device"]["identifiers"][0]: config["device"] for config in found.values()}
    assert devices["gather_0123456789ab_1"]["name"] == "Room 101" and devices["gather_0123456789ab_2"]["name"] == "2"
    assert devices["gather_0123456789ab_1"]["via_device"] == "gather_0123456789ab"
    event = found["homeassistant/event/gather_0123456789ab_event/config"]
    assert event["state_topic"] == f"{BASE}/event" and "value_template" not in event


def _channel_of(unique: str) -> str:
    match = re.match(r"gather_0123456789ab(_[0-9]+)_", unique)
    return match[1] if match else ""


def test_only_what_may_be_ordered_is_a_control() -> None:
    shown = view(channels=(channel(), channel(camera_id=2)))
    found = told(shown, ORDERS)
    controls = {topic.split("/")[1]: config for topic, config in found.items() if "command_topic" in config}
    assert {config["command_topic"] for config in found.values() if "command_topic" in config} == {
        f"{BASE}/channel/1/{order}/set" for order in ("record", "snapshot", "camera")
    }
    assert controls.keys() == {"switch", "button"} and "state_topic" not in controls["button"]
    assert [config for config in told(shown).values() if "command_topic" in config] == []
    cameras = [config["topic"] for topic, config in told(shown, pictures=True).items() if "/camera/" in topic]
    assert cameras == [f"{BASE}/channel/1/picture", f"{BASE}/channel/2/picture"]
    assert not [topic for topic in found if "/camera/" in topic]


def test_names_are_in_the_schools_language() -> None:
    shown = view(channels=(channel(),))
    for language, chinese in (("en", False), ("zh", True)):
        found = told(shown, ORDERS, pictures=True, language=language)  # type: ignore[arg-type]
        for config in found.values():
            assert bool(re.search(r"[\u4e00-\u9fff]", config["name"])) == chinese, config
            assert bool(re.search(r"[\u4e00-\u9fff]", config["device"]["model"])) == chinese, config
    names = [config["name"] for topic, config in told(shown, ORDERS).items() if "_1_" in topic]
    assert len(set(names)) == len(names), "two of a device's entities have one name"


def test_without_a_prefix_nobody_is_told() -> None:
    assert discovery_messages(view(), TOPICS, Discovery("", True, lambda _: ("record",))) == {}


@pytest.mark.parametrize("root", ["gather", "学校 1/采集", "/a//b/", "$x"])
def test_entities_have_names_that_home_assistant_takes_whatever_the_topics_are_called(root: str) -> None:
    how = Discovery("homeassistant", True, lambda _: ORDERS)
    for topic in discovery_messages(view(), Topics.of(root, UID), how):
        assert re.fullmatch(r"homeassistant/[a-z_]+/[a-zA-Z0-9_-]+/config", topic)


def test_everything_about_a_channel_can_be_taken_back_its_state_last() -> None:
    shown = view(channels=(channel(),))
    about = [
        topic
        for topic in (*told(shown, ORDERS, pictures=True), *state_messages(shown, TOPICS))
        if "_1_" in topic or "/channel/1/" in topic
    ]
    taken_back = topics_of_channel(1, TOPICS, "homeassistant")
    assert {*about, TOPICS.picture(1)} == {*taken_back} and len(taken_back) == len({*taken_back})
    assert taken_back[-1] == TOPICS.channel(1), "by which what is left is found"
