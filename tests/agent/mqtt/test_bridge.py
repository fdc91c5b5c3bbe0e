"""The bridge at a real broker (mosquitto): states, last will, orders, and a broker that goes and comes."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from agent.mqtt import session
from agent.status import Happening
from agent.wire.codes import Code
from tests.agent.mqtt.bridged import BASE, LIMIT_SEC, Daemon, bridged, heard, said, until
from tests.agent.views import alarm, channel, view
from tests.servers.mosquitto import PASSWORD, broker

pytestmark = pytest.mark.integration


async def test_states_are_retained_and_follow_the_view(daemon: Daemon) -> None:
    with broker() as found:
        async with bridged(found, daemon) as made:
            retained = await until(found, "channel/1/state", bool)
            assert retained[f"{BASE}/status"] == "online"
            assert json.loads(retained[f"{BASE}/channel/1/state"])["recording"] == "ON"
            with found.listener(f"{BASE}/#") as listener:
                daemon.shown = view(channels=(channel(state="waiting", due=1),), alarms=(alarm(),))
                made.take(Happening(kind="alarm", text="not recording", camera_id=1, data={"alarm": "not_recording"}))
                messages = dict([await heard(listener) for _ in range(3)])
            assert messages[f"{BASE}/event"]["alarm"] == "not_recording"
            assert messages[f"{BASE}/channel/1/state"]["not_recording"] == "ON"
            assert messages[f"{BASE}/state"]["health"] == "not_recording"
            daemon.shown = view(channels=())
            made.take(Happening(kind="channel", text="removed"))
            await until(found, "channel/1/state", lambda text: not text)
            assert not [t for t in found.retained("homeassistant/#") if "_1_" in t], "Home Assistant forgets it as well"
        assert (await asyncio.to_thread(found.retained, f"{BASE}/status"))[f"{BASE}/status"] == "offline"


async def test_a_death_is_told_by_the_last_will(daemon: Daemon) -> None:
    with broker() as found:
        async with bridged(found, daemon) as made:
            await until(found, "status", lambda text: text == "online")
            with found.listener(f"{BASE}/status") as listener:
                assert made._session is not None
                connection: Any = made._session._client._client.socket()
                connection.shutdown(socket.SHUT_RDWR)
                assert await heard(listener) == (f"{BASE}/status", "offline")
                assert await heard(listener) == (f"{BASE}/status", "online"), "and it comes back by itself"


async def test_orders_are_carried_out_answered_and_refused(daemon: Daemon) -> None:
    with broker() as found:
        async with bridged(found, daemon, commands={"1": ["record"]}) as made:
            await until(found, "status", lambda text: text == "online")
            with found.listener(f"{BASE}/channel/1/answer") as listener:
                found.publish(f"{BASE}/channel/1/record/set", '{"elapse_sec": 60}')
                assert await heard(listener) == (
                    f"{BASE}/channel/1/answer",
                    {"command": "start_record", "err_code": 0, "err_msg": "OK", "data": {"number": 1}},
                )
                found.publish(f"{BASE}/channel/1/snapshot/set", "PRESS")
                _, refused = await heard(listener)
            assert refused["err_code"] == Code.BAD_DATA and "mqtt.commands" in refused["err_msg"]
            assert made.connected
    assert [command.data for command in daemon.carried] == [{"camera_id": 1, "elapse_sec": 60}]


async def test_a_retained_order_is_not_carried_out_at_every_connection(daemon: Daemon) -> None:
    with broker() as found:
        found.publish(f"{BASE}/channel/1/record/set", "ON", retain=True)
        async with bridged(found, daemon, commands={"*": ["record"]}):
            await until(found, "status", lambda text: text == "online")
            with found.listener(f"{BASE}/channel/1/answer") as listener:
                found.publish(f"{BASE}/channel/1/record/set", "OFF")
                await heard(listener)
    assert [command.cmd for command in daemon.carried] == ["stop_record"]


async def test_a_broker_that_is_away_costs_nothing_and_is_found_again(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "LOOK_SEC", 0.1)
    with broker() as found:
        found.stop()
        async with bridged(found, daemon) as made:
            await said(caplog, "next try")
            for _ in range(1000):
                made.take(Happening(kind="snapshot", text="nobody hears it", camera_id=1))
            assert daemon.looks == 0
            found.start()
            await until(found, "channel/1/state", bool)
            found.stop()
            async with asyncio.timeout(LIMIT_SEC):
                while made.connected:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.02)
            looks = daemon.looks
            found.start()
            retained = await until(found, "channel/1/state", bool)
            assert retained[f"{BASE}/status"] == "online"
            assert daemon.looks > looks
    assert PASSWORD not in caplog.text


async def test_events_wait_for_a_broker_that_is_away_and_come_in_order(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    with broker() as found:
        found.stop()
        async with bridged(found, daemon) as made:
            await said(caplog, "next try")
            for number in range(3):
                made.take(Happening(kind="gap", text="lost", camera_id=1, data={"number": number}))
            found.start()
            with found.listener(f"{BASE}/event") as listener:
                events = [(await heard(listener))[1] for _ in range(3)]
    assert [event["number"] for event in events] == [0, 1, 2]
    assert {event["event_type"] for event in events} == {"gap"} and events[0]["at"] <= events[2]["at"]


async def test_what_an_earlier_run_left_about_removed_channels_goes(daemon: Daemon) -> None:
    with broker() as found:
        found.publish(f"{BASE}/channel/99/state", '{"name": "gone"}', retain=True)
        found.publish("homeassistant/binary_sensor/gather_0123456789ab_99_online/config", "{}", retain=True)
        async with bridged(found, daemon):
            await until(found, "channel/1/state", bool)
            retained = await until(found, "channel/99/state", lambda text: not text)
            assert f"{BASE}/channel/1/state" in retained
        ours = [line for line in found.log.splitlines() if "Received PUBLISH from gather-0" in line]
        assert len([line for line in ours if "channel/99/state" in line]) == 1, "its own echo is no news"
        assert not [topic for topic in found.retained("homeassistant/#") if "_99_" in topic]


async def test_what_an_earlier_run_with_other_settings_left_goes(daemon: Daemon) -> None:
    with broker() as found:
        left = [f"{BASE}/channel/1/picture"]
        left += [f"homeassistant/{kind}/config" for kind in ("camera/gather_0123456789ab_1_picture",)]
        left += [f"homeassistant/{kind}_1_record/config" for kind in ("switch/gather_0123456789ab",)]
        for topic in left:
            found.publish(topic, "left", retain=True)
        async with bridged(found, daemon, commands={"*": ["snapshot"]}):
            async with asyncio.timeout(LIMIT_SEC):
                while not (there := await asyncio.to_thread(found.retained, "#")).keys().isdisjoint(left):
                    pass
            assert "homeassistant/button/gather_0123456789ab_1_snapshot/config" in there


async def test_pictures_are_published_where_asked_for(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOOK_SEC", 600.0)
    picture = daemon.folder / "live_1.jpg"
    picture.write_bytes(b"\xff\xd8 a picture")
    daemon.shown = view(channels=(channel(snapshot_at=1000.0), channel(camera_id=2, snapshot_at=1000.0)))
    with broker() as found:
        async with bridged(found, daemon, pictures=True) as made:
            retained = await until(found, "channel/1/picture", bool)
            assert retained[f"{BASE}/channel/1/picture"].endswith("a picture")
            with found.listener(f"{BASE}/channel/+/picture") as listener:
                picture.write_bytes(b"another")
                made.take(Happening(kind="gap", text="no new picture"))
                daemon.shown = view(channels=(channel(snapshot_at=2000.0),))
                made.take(Happening(kind="snapshot", text="a new picture", camera_id=1))
                topics = [await heard(listener), await heard(listener)]
                assert (f"{BASE}/channel/1/picture", "another") in topics
                assert (f"{BASE}/channel/2/picture", None) in topics, "the channel is no more"


async def test_a_picture_that_is_late_for_its_channel_does_not_stay(daemon: Daemon) -> None:
    late = daemon.folder / "live_2.jpg"
    os.mkfifo(late)  # whoever reads it waits
    daemon.shown = view(channels=(channel(), channel(camera_id=2, snapshot_at=1000.0)))
    with broker() as found:
        async with bridged(found, daemon, pictures=True) as made:
            await until(found, "channel/2/state", bool)
            daemon.shown = view()
            made.take(Happening(kind="channel", text="removed"))
            await until(found, "channel/2/state", lambda text: not text)
            with found.listener(f"{BASE}/channel/2/picture") as listener:
                await asyncio.to_thread(late.write_bytes, b"late")
                assert [(await heard(listener))[1] for _ in range(2)] == ["late", None]


async def test_what_has_not_changed_is_not_told_again(daemon: Daemon) -> None:
    with broker() as found:
        async with bridged(found, daemon) as made:
            await until(found, "channel/1/state", bool)
            await until(found, "status", lambda text: text == "online")
            last = "homeassistant/binary_sensor/gather_0123456789ab_1_picture_problem/config"
            async with asyncio.timeout(LIMIT_SEC):
                while not await asyncio.to_thread(found.retained, last):
                    pass
            with found.listener("#") as listener:
                for name in ("another", "a third"):
                    daemon.shown = view(channels=(channel(name=name),))
                    made.take(Happening(kind="channel", text="renamed"))
                    topics: list[str] = []
                    while not topics or "picture_problem" not in topics[-1]:
                        topics.append((await heard(listener))[0])
                    assert f"{BASE}/state" not in topics and f"{BASE}/channel/1/state" in topics
                    assert [topic for topic in topics if "homeassistant" in topic and "_1_" not in topic] == []


async def test_our_own_states_are_not_sent_back_to_us_for_ever(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOOK_BACK_SEC", 0.1)
    with broker() as found:
        async with bridged(found, daemon):
            async with asyncio.timeout(LIMIT_SEC):
                while "Received UNSUBSCRIBE" not in found.log:  # noqa: ASYNC110 - a file has no event
                    await asyncio.sleep(0.02)
            await until(found, "channel/1/state", bool)
            assert f"\t{BASE}/channel/+/state" in found.log.split("Received UNSUBSCRIBE")[1]


@pytest.mark.usefixtures("collected")
async def test_tls_and_a_certificate_of_somebody_else(
    daemon: Daemon, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with broker(tls=True) as found:
        async with bridged(found, daemon, host="localhost", tls=True, ca_file=found.ca_file) as made:
            await until(found, "status", lambda text: text == "online")
            assert made.connected
        async with bridged(found, daemon, host="localhost", tls=True):
            assert "mqtt.ca_file" in await said(caplog, "CERTIFICATE_VERIFY_FAILED")


async def test_a_wrong_password_is_named(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    with broker() as found:
        async with bridged(found, daemon, password="wrong password"):
            await said(caplog, "next try")
    assert "Not authorized" in caplog.text and "wrong password" not in caplog.text
