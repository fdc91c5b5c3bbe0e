"""What may be ordered over MQTT, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.mqtt.orders import Refusal, allowed_for, order_of
from agent.mqtt.topics import Topics
from agent.wire.commands import COMMANDS
from agent.wire.models import Command

TOPICS = Topics.of("school/gather", "abc")
ALLOWED = {"7": ("record", "snapshot"), "8": (), "*": ("snapshot",)}


def order(payload: str | bytes, name: str = "record", camera_id: int = 7) -> Command | Refusal | None:
    data = payload if isinstance(payload, bytes) else payload.encode()
    return order_of(TOPICS.order(camera_id, name), data, TOPICS, ALLOWED)


@pytest.mark.parametrize(
    ("payload", "name", "cmd", "data"),
    [
        ("ON", "record", "start_record", {}),
        (" on\n", "record", "start_record", {}),
        ("OFF", "record", "stop_record", {}),
        ('{"elapse_sec": 600, "title": "讲座"}', "record", "start_record", {"elapse_sec": 600, "title": "讲座"}),
        ("{}", "record", "start_record", {"elapse_sec": 0, "title": ""}),
        ("PRESS", "snapshot", "snapshot", {}),
        ("", "snapshot", "snapshot", {}),
    ],
)
def test_orders_are_the_relays_commands(payload: str, name: str, cmd: str, data: dict[str, object]) -> None:
    found = order(payload, name)
    assert isinstance(found, Command)
    assert (found.cmd, found.data) == (cmd, {"camera_id": 7, **data})
    COMMANDS[cmd].model_validate(found.data)
    again = order(payload, name)
    assert isinstance(again, Command) and again.id != found.id


@pytest.mark.parametrize(
    "payload",
    [
        *("", "1", "null", "[]", "yes", "{" * 5000, "[" * 4000, b"\xff"),
        *('{"elapse_sec": -1}', '{"elapse_sec": true}', '{"elapse_sec": 1.5}', '{"elapse_sec": 86401}'),
        *('{"camera_id": 8}', '{"title": 5}', '{"title": "' + "x" * 201 + '"}'),
    ],
)
def test_anything_else_is_refused_with_a_reason(payload: str | bytes) -> None:
    found = order(payload)
    assert isinstance(found, Refusal) and found.camera_id == 7 and found.why


@pytest.mark.parametrize(("name", "camera_id"), [("record", 8), ("snapshot", 8), ("record", 9)])
def test_what_is_not_allowed_is_refused(name: str, camera_id: int) -> None:
    found = order("ON", name, camera_id)
    assert isinstance(found, Refusal) and "mqtt.commands" in found.why


def test_the_channels_own_entry_outranks_all_others() -> None:
    assert [tuple(allowed_for(camera_id, ALLOWED)) for camera_id in (7, 8, 9)] == [
        ("record", "snapshot"),
        (),
        ("snapshot",),
    ]
    assert tuple(allowed_for(7, {})) == ()


@given(st.text(), st.binary(max_size=100))
def test_any_topic_and_payload_is_an_answer(topic: str, payload: bytes) -> None:
    for asked in (topic, f"{TOPICS.base}/channel/{topic}/set", f"{TOPICS.base}/channel/7/{topic}/set"):
        order_of(asked, payload, TOPICS, ALLOWED)


@pytest.mark.parametrize(
    "topic",
    [
        "school/gather/abc/channel/7/delete/set",
        "school/gather/abd/channel/7/record/set",
        "school/gather/abc/channel/x/record/set",
        "school/gather/abc/channel/7/record",
        "xschool/gather/abc/channel/7/record/set",
    ],
)
def test_other_topics_are_no_orders(topic: str) -> None:
    assert order_of(topic, b"ON", TOPICS, {"*": ("record", "snapshot")}) is None
