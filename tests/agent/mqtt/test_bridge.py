"""The bridge at a real broker (mosquitto): states, last will, orders, and a broker that goes and comes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config.model import MqttSection
from agent.link.relay import answer
from agent.mqtt import bridge
from agent.mqtt.bridge import MqttBridge
from agent.status import DaemonView, Happening
from agent.wire.codes import Code
from agent.wire.models import Answer, Command
from tests.agent.views import alarm, channel, view
from tests.servers.mosquitto import PASSWORD, USER, Broker, Listener, broker

pytestmark = pytest.mark.integration

UID = "0123456789abcdef0123456789abcdef"
BASE = "gather/0123456789ab"
LIMIT_SEC = 30.0


class Daemon:
    """What stands behind the bridge."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown = view()
        self.looks = 0
        self.carried: list[Command] = []

    def view(self) -> DaemonView:
        self.looks += 1
        return self.shown

    async def carry_out(self, command: Command) -> Answer:
        self.carried.append(command)
        return answer(command.id, Code.OK)


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path)


@pytest.fixture
def collected() -> Iterator[None]:
    """paho leaves the socket of a failed handshake to the garbage collector, which complains of it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@contextlib.asynccontextmanager
async def bridged(found: Broker, daemon: Daemon, **settings: Any) -> AsyncIterator[MqttBridge]:
    """A bridge that runs."""
    about = {"host": "127.0.0.1", "port": found.port, "user": USER, "password": PASSWORD, **settings}
    made = MqttBridge(MqttSection(**about), UID, view=daemon.view, carry_out=daemon.carry_out, snapshots=daemon.folder)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(found: Broker, topic: str, wanted: Any) -> dict[str, str]:
    """What is retained below the base, as soon as `wanted(payload of topic)`."""
    async with asyncio.timeout(LIMIT_SEC):
        while True:
            retained = await asyncio.to_thread(found.retained, f"{BASE}/#")
            if wanted(retained.get(f"{BASE}/{topic}", "")):
                return retained


async def heard(listener: Listener) -> tuple[str, Any]:
    return await asyncio.to_thread(listener.next)


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
                assert made._client_now is not None
                connection: Any = made._client_now._client.socket()
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
                    {"command": "start_record", "err_code": 0, "err_msg": "OK"},
                )
                found.publish(f"{BASE}/channel/1/snapshot/set", "PRESS")
                _, refused = await heard(listener)
            assert refused["err_code"] == Code.BAD_DATA and "mqtt.commands" in refused["err_msg"]
            assert made.connected
    assert [command.data for command in daemon.carried] == [{"camera_id": 1, "elapse_sec": 60, "title": ""}]


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
    monkeypatch.setattr(bridge, "LOOK_SEC", 0.1)
    with broker() as found:
        found.stop()
        async with bridged(found, daemon) as made:
            async with asyncio.timeout(LIMIT_SEC):
                while "next try" not in caplog.text:  # noqa: ASYNC110 - the log has no event
                    await asyncio.sleep(0.02)
            for _ in range(1000):
                made.take(Happening(kind="alarm", text="nobody hears it", camera_id=1))
            assert (daemon.looks, made._events.qsize()) == (0, 0)
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


async def test_what_an_earlier_run_left_about_removed_channels_goes(daemon: Daemon) -> None:
    with broker() as found:
        found.publish(f"{BASE}/channel/99/state", '{"name": "gone"}', retain=True)
        found.publish("homeassistant/binary_sensor/gather_0123456789ab_99_online/config", "{}", retain=True)
        async with bridged(found, daemon):
            await until(found, "channel/1/state", bool)
            retained = await until(found, "channel/99/state", lambda text: not text)
            assert f"{BASE}/channel/1/state" in retained
        assert not [topic for topic in found.retained("homeassistant/#") if "_99_" in topic]


async def test_pictures_are_published_where_asked_for(daemon: Daemon) -> None:
    (daemon.folder / "live_1.jpg").write_bytes(b"\xff\xd8 a picture")
    daemon.shown = view(channels=(channel(snapshot_at=1000.0),))
    with broker() as found:
        async with bridged(found, daemon, pictures=True):
            retained = await until(found, "channel/1/picture", bool)
    assert retained[f"{BASE}/channel/1/picture"].endswith("a picture")


@pytest.mark.usefixtures("collected")
async def test_tls_and_a_certificate_of_somebody_else(
    daemon: Daemon, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with broker(tls=True) as found:
        async with bridged(found, daemon, host="localhost", tls=True, ca_file=found.ca_file) as made:
            await until(found, "status", lambda text: text == "online")
            assert made.connected
        async with bridged(found, daemon, host="localhost", tls=True):
            async with asyncio.timeout(LIMIT_SEC):
                while "CERTIFICATE_VERIFY_FAILED" not in caplog.text:  # noqa: ASYNC110 - the log has no event
                    await asyncio.sleep(0.02)


async def test_a_wrong_password_is_named(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    with broker() as found:
        async with bridged(found, daemon, password="wrong password"), asyncio.timeout(LIMIT_SEC):
            while "next try" not in caplog.text:  # noqa: ASYNC110 - the log has no event
                await asyncio.sleep(0.02)
    assert "Not authorized" in caplog.text and "wrong password" not in caplog.text
