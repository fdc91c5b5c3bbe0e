"""A school's own Home Assistant, as its owner sees it: rooms that come up by themselves, live, and go.

It is not among the packages of this project: GATHER_HOME_ASSISTANT=/where/it/is/bin/hass. docs/mqtt.md has how to get
it, and what this prints (`pytest -s`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.school import School, until
from tests.media import MakeSample
from tests.servers.home_assistant import HomeAssistant, home_assistant
from tests.servers.mosquitto import OTHER, PASSWORD, USER, Broker, broker

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not os.environ.get("GATHER_HOME_ASSISTANT"), reason="needs one: GATHER_HOME_ASSISTANT=.../hass"),
]

CHANNEL = {
    "binary_sensor._1_live": ("off", "Watched live"),
    "binary_sensor._1_not_recording": ("off", "Lesson that is on"),
    "binary_sensor._1_online": ("on", "Camera"),
    "binary_sensor._1_picture_problem": ("off", "Picture and sound"),
    "binary_sensor._1_recording": ("on", "Recording"),
    "button._1_snapshot": ("unknown", "Take a picture"),
    "camera._1_picture": ("idle", "Picture"),
    "switch._1_camera": ("on", "Camera in use"),
    "switch._1_record": ("off", "Record by hand"),
}
AGENT = {
    "binary_sensor._next_lesson_at_risk": ("off", "Outlook for the next lesson"),
    "binary_sensor._not_recording": ("off", "Lessons that are on"),
    "binary_sensor._problem": ("off", "Overall state"),
    "binary_sensor._server_connected": ("on", "Server"),
    "event._event": (None, "Events"),
    "sensor._disk_free_gigabytes": (None, "Free disk"),
    "sensor._next_lesson": (None, "Next lesson"),
    "sensor._upload_files": (None, "Files to upload"),
    "sensor._upload_gigabytes": (None, "Data to upload"),
}


@pytest.fixture
def mosquitto() -> Iterator[Broker]:
    with broker() as found:
        yield found


class Seen:
    """The agent in Home Assistant."""

    def __init__(self, home: HomeAssistant) -> None:
        self.home = home

    def entities(self) -> dict[str, dict[str, Any]]:
        """By their names without the agent's identity, which is another one each time."""
        return {_short(name): one for name, one in self.home.states().items()}

    def becomes(self, name: str, *wanted: str) -> bool:
        until(f"{name} {wanted}", lambda: self.entities().get(name, {}).get("state") in wanted)
        return True

    def picture_at(self) -> str:
        camera = self.entities().get("camera._1_picture", {"attributes": {}})
        return str(camera["attributes"].get("picture_at", ""))

    def full(self, name: str) -> str:
        return next(full for full in self.home.states() if _short(full) == name)


def _short(name: str) -> str:
    kind, _, rest = name.partition(".gather_")
    return f"{kind}.{rest[12:]}"


def transcript(home: HomeAssistant) -> None:
    """For the documentation."""
    print(f"\nHome Assistant {home.version}")
    for name, one in sorted(Seen(home).entities().items()):
        dull = ("friendly_name", "icon", "access_token", "entity_picture", "supported_features", "event_types")
        more = {key: value for key, value in one["attributes"].items() if key not in dull}
        shown = json.dumps(more, ensure_ascii=False)
        print(f"{name:37} {one['state']:30} {one['attributes']['friendly_name']:36} {shown}")


def test_a_room_shows_up_lives_and_goes(tmp_path: Path, sample: MakeSample, mosquitto: Broker) -> None:
    env = {"HOST": "127.0.0.1", "PORT": f"{mosquitto.port}", "USER": USER, "PASSWORD": PASSWORD, "LANGUAGE": "en"}
    env |= {"PICTURES": "true", "COMMANDS": '{"*" = ["record", "snapshot", "camera", "preset"]}'}
    school = School(
        tmp_path, **{f"GATHER__MQTT__{key}": value for key, value in env.items()}, GATHER__AGENT__NAME="Room PC"
    )
    film = sample(seconds=60)
    try:
        with home_assistant(tmp_path / "home") as home:
            home.add_broker(mosquitto.port, OTHER, PASSWORD)
            camera_id, _ = school.lesson_now(film)
            assert camera_id == 1
            seen = Seen(home)
            seen.becomes("binary_sensor._1_recording", "on")
            until("its picture", seen.picture_at)
            until("all of it", lambda: seen.entities().keys() >= CHANNEL.keys() | AGENT.keys())
            transcript(home)
            entities = seen.entities()
            assert entities.keys() == CHANNEL.keys() | AGENT.keys()
            for device, expected in (("Room PC", AGENT), ("101", CHANNEL)):
                for name, (state, label) in expected.items():
                    assert state in (None, entities[name]["state"]), name
                    assert entities[name]["attributes"]["friendly_name"] == f"{device} {label}"
            devices = home.devices()
            assert devices.keys() == {"Room PC", "101"} and devices["101"]["via_device_id"] == devices["Room PC"]["id"]
            assert home.picture(seen.full("camera._1_picture")).startswith(b"\xff\xd8\xff")
            _orders_are_carried_out(seen, school)
            _whoever_goes_comes_back(seen, school, mosquitto)
            school.api("del_camera", camera_id=1)
            until("the room is gone", lambda: home.devices().keys() == {"Room PC"})
            assert not [name for name in seen.entities() if "._1_" in name]
            complaints = [
                line for line in home.log.splitlines() if "mqtt" in line and (" WARN" in line or " ERR" in line)
            ]
            assert [line for line in complaints if "connection was lost" not in line] == []
    finally:
        school.close()


def _orders_are_carried_out(seen: Seen, school: School) -> None:
    seen.home.call("switch.turn_on", seen.full("switch._1_record"))
    seen.becomes("switch._1_record", "on")
    seen.home.call("switch.turn_off", seen.full("switch._1_record"))
    seen.becomes("switch._1_record", "off")
    until("its event", lambda: seen.entities()["event._event"]["attributes"]["event_type"] == "recording_ended")
    until("the recording by hand", lambda: [one for one in school.records() if not one["course_id"]])
    before = seen.picture_at()
    seen.home.call("button.press", seen.full("button._1_snapshot"))
    until("a new picture", lambda: seen.picture_at() != before)


def _whoever_goes_comes_back(seen: Seen, school: School, mosquitto: Broker) -> None:
    school.daemon.kill()
    seen.becomes("binary_sensor._1_recording", "unavailable")
    school.killed_daemon()
    seen.becomes("binary_sensor._1_recording", "on")
    mosquitto.stop()
    seen.becomes("binary_sensor._1_recording", "unavailable")
    mosquitto.start()
    seen.becomes("binary_sensor._1_recording", "on")
    seen.home.stop()
    seen.home.start()
    seen.becomes("binary_sensor._1_recording", "on")
    assert seen.entities().keys() == CHANNEL.keys() | AGENT.keys()
