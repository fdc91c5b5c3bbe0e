"""Orders over a real broker: what becomes of them, and how an asker knows its answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.mqtt import session
from agent.wire.codes import Code
from tests.agent.mqtt.bridged import BASE, LIMIT_SEC, Daemon, bridged, heard, until
from tests.servers.mosquitto import broker

pytestmark = pytest.mark.integration

ALL = {"*": ["record", "snapshot", "camera", "preset"]}


async def test_an_asker_knows_its_answer_by_its_own_name_for_the_order(daemon: Daemon) -> None:
    with broker() as found:
        async with bridged(found, daemon, commands=ALL):
            await until(found, "status", lambda text: text == "online")
            with found.listener(f"{BASE}/channel/1/answer") as listener:
                for _ in range(2):  # a broker may deliver twice
                    found.publish(f"{BASE}/channel/1/record/set", '{"id": "bell 7", "value": "ON"}')
                found.publish(f"{BASE}/channel/1/preset/set", '{"id": "bell 8", "value": "blackboard"}')
                found.publish(f"{BASE}/channel/1/preset/set", '{"id": "bell 8", "value": "again"}')
                answers = [(await heard(listener))[1] for _ in range(4)]
    assert [answer["id"] for answer in answers] == ["bell 7", "bell 7", "bell 8", "bell 8"]
    assert (
        answers[0]
        == answers[1]
        == {
            "id": "bell 7",
            "command": "start_record",
            "err_code": 0,
            "err_msg": "OK",
            "data": {"number": 1},
        }
    )
    assert answers[2] == answers[3], "the same order, come again"
    assert [command.cmd for command in daemon.carried] == ["start_record", "go_to_preset"]


async def test_a_refusal_says_whose_order_it_was(daemon: Daemon) -> None:
    with broker() as found:
        async with bridged(found, daemon, commands=ALL):
            await until(found, "status", lambda text: text == "online")
            with found.listener(f"{BASE}/channel/1/answer") as listener:
                found.publish(f"{BASE}/channel/1/preset/set", '{"id": "bell 9"}')
                _, answer = await heard(listener)
    assert (answer["id"], answer["err_code"]) == ("bell 9", Code.BAD_DATA) and "preset's name" in answer["err_msg"]
    assert daemon.carried == []


async def test_mqtt_5_has_its_own_way_to_say_where_the_answer_goes(daemon: Daemon) -> None:
    with broker() as found:
        async with bridged(found, daemon, commands=ALL):
            await until(found, "status", lambda text: text == "online")
            with found.listener("#") as listener:
                for where in ("janitor/answers", f"{BASE}/state", "homeassistant/status", "$SYS/x"):
                    options = ["-V", "5", "-D", "publish", "response-topic", where]
                    options += ["-D", "publish", "correlation-data", "known"]
                    found.publish(f"{BASE}/channel/1/snapshot/set", "", options=tuple(options))
                messages: list[tuple[str, Any]] = []
                while len([topic for topic, _ in messages if topic.endswith("/answer")]) < 4:
                    messages.append(await heard(listener))
                (answer,) = [payload for topic, payload in messages if topic == "janitor/answers"]
                assert answer["command"] == "snapshot" and answer["err_code"] == 0
                assert "homeassistant/status" not in dict(messages), "nobody is written over"
    assert len(daemon.carried) == 4


async def test_a_camera_that_does_not_answer_holds_up_its_own_orders_only(daemon: Daemon) -> None:
    with broker() as found:
        async with bridged(found, daemon, commands=ALL):
            await until(found, "status", lambda text: text == "online")
            daemon.held[1] = asyncio.Event()
            with found.listener(f"{BASE}/channel/+/answer") as listener:
                found.publish(f"{BASE}/channel/1/record/set", "ON")
                found.publish(f"{BASE}/channel/1/record/set", "OFF")
                found.publish(f"{BASE}/channel/2/record/set", "ON")
                assert (await heard(listener))[0] == f"{BASE}/channel/2/answer"
                daemon.held.pop(1).set()
                answers = [(await heard(listener))[1]["command"] for _ in range(2)]
    assert answers == ["start_record", "stop_record"]


async def test_an_order_goes_on_when_the_connection_ends_and_its_answer_is_kept(daemon: Daemon) -> None:
    order = '{"id": "once", "value": "ON"}'
    with broker() as found:
        async with bridged(found, daemon, commands=ALL) as made:
            await until(found, "status", lambda text: text == "online")
            daemon.held[1] = asyncio.Event()
            found.publish(f"{BASE}/channel/1/record/set", order)
            async with asyncio.timeout(LIMIT_SEC):
                while not (made._session and made._session._orders):  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.02)
            found.stop()
            async with asyncio.timeout(LIMIT_SEC):
                while made.connected:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.02)
            daemon.held.pop(1).set()
            found.start()
            await until(found, "channel/1/state", bool)
            with found.listener(f"{BASE}/channel/1/answer") as listener:
                found.publish(f"{BASE}/channel/1/record/set", order)
                assert (await heard(listener))[1]["data"] == {"number": 1}
    assert len(daemon.carried) == 1


async def test_a_flood_of_orders_is_bounded_and_told_so(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "ORDERS_UNDER_WAY", 3)
    with broker() as found:
        async with bridged(found, daemon, commands=ALL):
            await until(found, "status", lambda text: text == "online")
            daemon.held[1] = asyncio.Event()
            with found.listener(f"{BASE}/channel/1/answer") as listener:
                for _ in range(5):
                    found.publish(f"{BASE}/channel/1/record/set", "ON")
                refused = [(await heard(listener))[1] for _ in range(2)]
                daemon.held.pop(1).set()
                done = [(await heard(listener))[1]["err_code"] for _ in range(3)]
    assert [answer["err_msg"] for answer in refused] == ["3 orders are under way"] * 2 and done == [0, 0, 0]
    assert caplog.text.count("order refused") == 1, "a flood is not a flood of lines"
