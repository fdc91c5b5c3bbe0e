"""What may be ordered over MQTT, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.mqtt.orders import Order, Refusal, allowed_for, order_of
from agent.mqtt.topics import ORDERS, Topics
from agent.wire.commands import COMMANDS

TOPICS = Topics.of("school/gather", "abc")
ALLOWED = {"7": ORDERS, "8": (), "*": ("snapshot",)}


def order(payload: str | bytes, name: str = "record", camera_id: int = 7) -> Order | Refusal | None:
    data = payload if isinstance(payload, bytes) else payload.encode()
    return order_of(TOPICS.order(camera_id, name), data, TOPICS, ALLOWED)


@pytest.mark.parametrize(
    ("payload", "name", "cmd", "data"),
    [
        ("ON", "record", "start_record", {}),
        (" on\n", "record", "start_record", {}),
        ("OFF", "record", "stop_record", {}),
        ('{"elapse_sec": 600, "title": "讲座"}', "record", "start_record", {"elapse_sec": 600, "title": "讲座"}),
        ("{}", "record", "start_record", {}),
        ('{"value": "ON", "title": "a"}', "record", "start_record", {"title": "a"}),
        ('{"value": "off"}', "record", "stop_record", {}),
        ("PRESS", "snapshot", "snapshot", {}),
        ("", "snapshot", "snapshot", {}),
        (b"\xff", "snapshot", "snapshot", {}),
        ("{", "snapshot", "snapshot", {}),
        ("ON", "camera", "start_camera", {}),
        ("off", "camera", "stop_camera", {}),
        ("黑板", "preset", "go_to_preset", {"preset": "黑板"}),
        ('{"value": "blackboard"}', "preset", "go_to_preset", {"preset": "blackboard"}),
    ],
)
def test_orders_are_the_relays_commands(payload: str | bytes, name: str, cmd: str, data: dict[str, object]) -> None:
    found = order(payload, name)
    assert isinstance(found, Order)
    assert (found.command.cmd, found.command.data) == (cmd, {"camera_id": 7, **data})
    COMMANDS[cmd].model_validate(found.command.data)
    again = order(payload, name)
    assert isinstance(again, Order) and again.command.id != found.command.id


def test_an_order_with_a_name_of_its_askers_is_known_again() -> None:
    def named(payload: str, name: str = "record", camera_id: int = 7) -> Order:
        found = order(payload, name, camera_id)
        assert isinstance(found, Order)
        return found

    first = named('{"id": "a", "value": "ON"}')
    assert first.request == "a" and first.command.data == {"camera_id": 7}
    assert named('{"id": "a", "value": "ON"}').command.id == first.command.id
    others = named('{"id": "b"}'), named('{"id": "a"}', "snapshot"), named('{"id": "a"}', "snapshot", 9)
    assert len({first.command.id, *(one.command.id for one in others)}) == 4
    refused = order('{"id": "a"}', "record", 8)
    assert isinstance(refused, Refusal) and refused.request == "a", "its asker waits for an answer"
    assert isinstance(order('{"id": "%s"}' % ("x" * 101)), Refusal)
    assert isinstance(order('{"id": 5}'), Refusal)


@pytest.mark.parametrize(
    "payload",
    [
        *("", "1", "null", "[]", "yes", "{" * 5000, "[" * 4000, b"\xff"),
        *('{"elapse_sec": -1}', '{"elapse_sec": true}', '{"elapse_sec": 1.5}', '{"elapse_sec": 86401}'),
        *('{"camera_id": 8}', '{"title": 5}', '{"title": "' + "x" * 201 + '"}'),
        *('{"value": "OFF", "title": "a"}', '{"value": 1}', '{"value": "ON", "x": 1}', "x" * 4097),
    ],
)
def test_anything_else_is_refused_with_a_reason(payload: str | bytes) -> None:
    found = order(payload)
    assert isinstance(found, Refusal) and found.camera_id == 7 and found.why


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        *(("", "camera"), ("PRESS", "camera"), ('{"value": "ON", "elapse_sec": 1}', "camera"), (b"\xff", "camera")),
        *(("", "preset"), ("x" * 201, "preset"), ('{"value": 5}', "preset"), ("{", "preset")),
        ("x" * 4097, "snapshot"),
    ],
)
def test_the_others_are_as_strict(payload: str | bytes, name: str) -> None:
    found = order(payload, name)
    assert isinstance(found, Refusal) and found.why


def test_the_longest_that_is_taken() -> None:
    longest = json.dumps({"elapse_sec": 86400, "title": "x" * 200, "id": "y" * 100})
    assert isinstance(order(longest), Order)
    assert isinstance(order("x" * 200, "preset"), Order) and isinstance(order("x" * 4096, "snapshot"), Order)


@pytest.mark.parametrize(("name", "camera_id"), [("record", 8), ("snapshot", 8), ("record", 9)])
def test_what_is_not_allowed_is_refused(name: str, camera_id: int) -> None:
    found = order("ON", name, camera_id)
    assert isinstance(found, Refusal) and "mqtt.commands" in found.why


def test_the_channels_own_entry_outranks_all_others() -> None:
    assert [tuple(allowed_for(camera_id, ALLOWED)) for camera_id in (7, 8, 9)] == [
        ORDERS,
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
        "school/gather/abc/channel/7/record/set/1",
        "school/gather/abc/channel/7/record/set ",
        "xschool/gather/abc/channel/7/record/set",
    ],
)
def test_other_topics_are_no_orders(topic: str) -> None:
    assert order_of(topic, b"ON", TOPICS, {"*": ("record", "snapshot")}) is None
