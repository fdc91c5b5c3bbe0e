"""What the daemon remembers of devices, when it asks again, and what becomes of an IPC channel."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from agent.channels.view import view_of
from agent.onvif.devices import AGAIN_SEC, REFUSED_SEC, DeviceAway, Devices
from agent.onvif.messages import Answer, Failure, Preset, Question, Rate, Streams
from agent.schedule.reconciler import Desired, Due
from agent.sources import NoSource
from agent.wire.models import GatherSettings, WireCamera
from recorder.protocol import LinkChanged, Trouble
from recorder.specs import SourceSpec, Tuning
from tests.agent.rooms import rooms_in

CAMERA = WireCamera(
    camera_id=7,
    camera_name="Room",
    stream_prop=0,
    device_ip="10.0.0.9",
    device_user="admin",
    device_pass=base64.b64encode(b"p@ss").decode(),
    device_cmd_port=8000,
    device_twice=1,
)
AWAY = Answer(failure=Failure(cause="unauthorized", detail="10.0.0.9:80: GetProfiles: the device refuses"))


class Room:
    """A `Devices` whose device is played: `answer` is what it says, `asked` what it was asked."""

    def __init__(self, state: Path) -> None:
        self.answer = Answer(streams=Streams(main="rtsp://10.0.0.9/main", sub="rtsp://10.0.0.9/sub"))
        self.settings = GatherSettings(main_rate=2048, sub_rate=256)
        self.now = 1000.0
        self.asked: list[Question] = []
        self.changed = 0
        self.warned: list[str] = []
        self.devices = Devices(state, lambda: self.settings, lambda: self.now, self._ask)

    async def _ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if question.ask == "go_to" and self.answer.failure is None:
            return Answer(presets=(Preset(token="1", name=question.preset),))
        return self.answer

    async def check(self, camera: WireCamera = CAMERA) -> None:
        async def warn(text: str) -> None:
            self.warned.append(text)

        def change() -> None:
            self.changed += 1

        self.devices.check(camera, change, warn)
        await asyncio.gather(*self.devices._checks.values())


async def test_a_device_is_asked_with_what_the_channel_and_the_server_say(tmp_path: Path) -> None:
    room = Room(tmp_path)
    sources = await room.devices.sources(CAMERA, "udp")
    assert sources.main == SourceSpec("stream", "rtsp://10.0.0.9/main", "admin", "p@ss", "udp")
    assert sources.sub == SourceSpec("stream", "rtsp://10.0.0.9/sub", "admin", "p@ss", "udp")
    (asked,) = room.asked
    assert (asked.host, asked.ports[:2], asked.twice) == ("10.0.0.9", (8000, 80), True)
    assert (asked.main_rate, asked.sub_rate, asked.password.get_secret_value()) == (2048, 256, "p@ss")
    assert "p@ss" not in repr(asked)
    assert "p@ss" not in (tmp_path / "devices.json").read_text()


async def test_after_a_restart_the_last_known_streams_are_there_though_the_device_is_away(tmp_path: Path) -> None:
    known = await Room(tmp_path).devices.sources(CAMERA, "tcp")
    room = Room(tmp_path)
    room.answer = AWAY
    assert await room.devices.sources(CAMERA, "tcp") == known
    assert not room.asked
    await room.check()
    assert (len(room.asked), room.changed) == (1, 0)


async def test_other_streams_are_told_once_and_a_device_is_not_pestered(tmp_path: Path) -> None:
    room = Room(tmp_path)
    await room.devices.sources(CAMERA, "tcp")
    await room.check()
    assert len(room.asked) == 1
    room.now += AGAIN_SEC
    room.answer = Answer(streams=Streams(main="rtsp://10.0.0.9/new", warnings=("no rate",)))
    await room.check()
    await room.check()
    assert (len(room.asked), room.changed, room.warned) == (2, 1, ["no rate"])
    assert (await room.devices.sources(CAMERA, "tcp")).main.location == "rtsp://10.0.0.9/new"


async def test_other_settings_are_brought_to_the_device_at_once(tmp_path: Path) -> None:
    room = Room(tmp_path)
    await room.devices.sources(CAMERA, "tcp")
    assert not room.devices.is_outdated(CAMERA)
    room.settings = GatherSettings(main_rate=4096, sub_rate=256)
    assert room.devices.is_outdated(CAMERA)
    await room.check()
    assert room.asked[-1].main_rate == 4096
    assert not room.devices.is_outdated(CAMERA)


async def test_another_address_is_another_device(tmp_path: Path) -> None:
    room = Room(tmp_path)
    await room.devices.sources(CAMERA, "tcp")
    room.answer = AWAY
    with pytest.raises(DeviceAway, match="refuses") as raised:
        await room.devices.sources(CAMERA.model_copy(update={"device_ip": "10.0.0.10:81"}), "tcp")
    assert raised.value.cause == "unauthorized"
    assert room.asked[-1].ports[:3] == (81, 8000, 80)


async def test_a_damaged_memory_is_no_memory(tmp_path: Path) -> None:
    (tmp_path / "devices.json").write_text("{")
    assert (await Room(tmp_path).devices.sources(CAMERA, "tcp")).main.location == "rtsp://10.0.0.9/main"


def test_a_channel_without_an_address_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NoSource, match="device_ip"):
        Room(tmp_path).devices.question(CAMERA.model_copy(update={"device_ip": " "}))


async def test_a_channel_whose_device_never_answered_says_why_and_goes_online_when_it_does(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.answer = AWAY
    async with rooms_in(tmp_path) as rooms:
        rooms.setup = replace(rooms.setup, devices=room.devices)
        channel = rooms.channel(CAMERA)
        channel.want(Desired(connect=True, reconnect=True), Tuning(snap_sec=0))
        await rooms.until(lambda: channel.link.state == "waiting")
        assert (channel.link.cause, view_of(channel, wanted=True).cause) == ("unauthorized", "unauthorized")
        room.answer = Answer(streams=Streams(main="rtsp://127.0.0.1:1/x", warnings=("cannot mirror",)))
        channel.renew()
        await rooms.until(lambda: any(isinstance(one, Trouble) and one.kind == "device" for one in rooms.events))
        await rooms.until(lambda: isinstance(channel.link, LinkChanged) and channel.link.cause == "unreachable")
        await channel.close()


def course(rooms_now: float, begin: float = 0.0) -> Due:
    return Due(f"course:5:{begin}", 7, 5, rooms_now + begin, None)


@pytest.mark.parametrize(
    ("before", "after", "turns"),
    [
        (Desired(True, True, soon=False), Desired(True, True, soon=True), True),  # half a minute before
        (Desired(True, True, soon=True), Desired(True, True, (course(0.0),)), True),  # at its start
        (Desired(True, True, (course(0.0),)), Desired(True, True, (course(0.0), course(0.0, 1.0))), True),  # the next
        (Desired(True, True, (course(0.0),)), Desired(False, True, (course(0.0),)), False),  # it is on already
        (Desired(True, True, soon=False), Desired(True, True, (course(0.0, -600.0),)), False),  # it goes on
        (Desired(True, True, soon=False), Desired(True, True, (Due("manual", 7, 0, 0.0, None),)), False),  # by hand
    ],
)
async def test_the_camera_turns_to_the_preset_when_a_lesson_comes(
    tmp_path: Path, before: Desired, after: Desired, turns: bool
) -> None:
    room = Room(tmp_path)
    async with rooms_in(tmp_path) as rooms:
        now = rooms.clock.wall()

        def at(desired: Desired) -> Desired:
            return replace(desired, due=tuple(replace(one, begin=one.begin + now) for one in desired.due))

        rooms.setup = replace(rooms.setup, devices=room.devices, presets={7: "Board"})
        channel = rooms.channel(CAMERA)
        channel.desired = at(before)
        channel.want(at(after), Tuning(snap_sec=0))
        await asyncio.gather(*room.devices._turning)
        await channel.close()
    assert [(one.ask, one.preset) for one in room.asked if one.ask == "go_to"] == [("go_to", "Board")] * turns


async def test_a_camera_that_does_not_turn_is_a_named_warning(tmp_path: Path) -> None:
    room, warned = Room(tmp_path), list[str]()
    room.answer = Answer(failure=Failure(cause="not_found", detail="10.0.0.9:80: the camera has no preset 'Board'"))

    async def warn(text: str) -> None:
        warned.append(text)

    room.devices.turn(CAMERA, "Board", warn)
    await asyncio.gather(*room.devices._turning)
    assert warned == ["the camera does not look at preset 'Board': 10.0.0.9:80: the camera has no preset 'Board'"]


async def test_a_refused_password_is_not_tried_again_for_what_can_be_done_without(tmp_path: Path) -> None:
    room, warned = Room(tmp_path), list[str]()
    await room.devices.sources(CAMERA, "tcp")
    room.answer = AWAY

    async def warn(text: str) -> None:
        warned.append(text)

    for _ in range(5):
        room.now += REFUSED_SEC / 3.5
        await room.check()
        room.devices.turn(CAMERA, "Board", warn)
        await asyncio.gather(*room.devices._turning)
    assert len(room.asked) == 1 + 2  # at first, and after its rest; turning tried no more
    assert all("refuses user or password" in one for one in warned)
    other = CAMERA.model_copy(update={"device_pass": base64.b64encode(b"right").decode()})
    await room.check(other)
    assert room.asked[-1].password.get_secret_value() == "right"


async def test_a_channel_whose_device_refuses_the_password_asks_before_a_lesson_and_hardly_else(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.answer = AWAY
    async with rooms_in(tmp_path) as rooms:
        rooms.setup = replace(rooms.setup, devices=room.devices)
        channel = rooms.channel(CAMERA)
        channel.want(Desired(connect=True, reconnect=True, soon=False), Tuning(snap_sec=0))
        await rooms.until(lambda: channel.link.state == "waiting")
        assert channel.link.retry_sec == rooms.setup.limits.refused_sec
        assert "asked again in 15 min" in channel.link.detail
        assert channel.waits_for_people
        channel.want(Desired(connect=True, reconnect=True, soon=True), Tuning(snap_sec=0))
        await rooms.until(lambda: len(room.asked) == 2)
        await channel.close()
    assert len(room.asked) == 2


async def test_what_was_made_of_rates_is_said_when_the_device_is_asked_again(tmp_path: Path) -> None:
    room = Room(tmp_path)
    took = {"main": Rate(wanted=8000, took=5000)}
    room.answer = Answer(streams=Streams(main="rtsp://10.0.0.9/main", rates=took))
    await room.devices.sources(CAMERA, "tcp")
    later = Room(tmp_path)
    later.answer = room.answer
    await later.check()
    assert [one.settled for one in (*room.asked, *later.asked)] == [{}, took]
    assert not later.devices.is_outdated(CAMERA)


@pytest.mark.parametrize("cause", ["unreachable", "unauthorized"])
async def test_a_due_lesson_asks_on_where_the_channel_is_not_to_reconnect(
    tmp_path: Path, cause: Literal["unreachable", "unauthorized"]
) -> None:
    room = Room(tmp_path)
    room.answer = Answer(failure=Failure(cause=cause, detail="10.0.0.9: no"))
    async with rooms_in(tmp_path) as rooms:
        rooms.setup = replace(rooms.setup, devices=room.devices, limits=replace(rooms.setup.limits, refused_sec=0.2))
        channel = rooms.channel(CAMERA)
        channel.want(Desired(connect=True, reconnect=False, soon=False), Tuning(snap_sec=0))
        await rooms.until(lambda: channel.link.state == "down")
        assert len(room.asked) == 1
        channel.want(Desired(True, False, (course(rooms.clock.wall()),)), Tuning(snap_sec=0))
        await rooms.until(lambda: len(room.asked) >= 3)
        assert channel.link.state in ("connecting", "waiting")
        room.answer = Answer(streams=Streams(main="rtsp://127.0.0.1:1/x"))
        await rooms.until(lambda: channel.session is not None)
        await channel.close()
