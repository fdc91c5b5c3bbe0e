"""Every command, carried out by a real state, a real fleet and a real recorder process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.wire.codes import Code
from agent.wire.commands import COMMANDS
from agent.wire.models import GatherSettings, Sync, WireCamera
from recorder.protocol import RecordingBegan, RecordingEnded, SliceClosed
from tests.agent.commanded import Agent
from tests.agent.rooms import rooms_in
from tests.media import MakeSample
from tests.servers.flv_targets import flv_target
from tests.servers.onvif_device import Device, Stream, serving

FILM: dict[str, object] = {"camera_id": 7, "stream_prop": 1, "stream_mp4": "/film.mp4"}


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with rooms_in(tmp_path) as rooms:
        agent = Agent(rooms, tmp_path)
        yield agent
        await agent.lives.close()


@pytest.fixture
def film(sample: MakeSample) -> str:
    return str(sample(seconds=8, gop_sec=1))


async def test_live_is_answered_when_the_server_has_the_picture(agent: Agent, film: str) -> None:
    await agent.ok("add_camera", camera_id=7, camera_name="Room", stream_prop=1, stream_mp4=film)
    await agent.rooms.until(lambda: agent.rooms.fleet.channels[7].online)
    with flv_target() as target, flv_target("refuse") as refusing:
        url = target.url("live/room7?token=s3cret")
        answer = await agent.ok("start_live", camera_id=7, push_url=url, lease_sec=30)
        assert (answer["state"], answer["target"]) == ("live", f"http://127.0.0.1:{target.port}/live/***")
        assert await agent.ok("stop_live", camera_id=7) == {"camera_id": 7, "was_live": True}
        assert await agent.ok("stop_live", camera_id=7) == {"camera_id": 7, "was_live": False}
        assert await agent.code("start_live", camera_id=7, push_url=refusing.url()) == Code.PUSH_FAILED
        assert await agent.code("start_live", camera_id=7, push_url="file:///x") == Code.BAD_DATA
        assert await agent.code("start_live", camera_id=7, push_url=url, lease_sec=0) == Code.BAD_DATA
        assert await agent.code("start_live", camera_id=8, push_url=url) == Code.NO_SUCH_CAMERA
        assert await agent.code("stop_live", camera_id=8) == Code.NO_SUCH_CAMERA
        await agent.ok("stop_camera", camera_id=7)
        assert await agent.code("start_live", camera_id=7, push_url=url) == Code.CAMERA_STOPPED


async def test_live_of_a_camera_that_is_away_says_so(agent: Agent, tmp_path: Path) -> None:
    await agent.ok("add_camera", camera_id=7, camera_name="Room", stream_prop=1, stream_mp4=str(tmp_path / "none.mp4"))
    await agent.rooms.until(lambda: agent.rooms.fleet.channels[7].link.state in ("waiting", "down"))
    with flv_target() as target:
        answer = await agent.answer("start_live", camera_id=7, push_url=target.url(), lease_sec=30)
    assert answer.err_code == Code.CAMERA_OFFLINE
    assert answer.err_msg.startswith("the channel is offline: ")


def course(course_id: int, **changes: object) -> dict[str, object]:
    return {"course_id": course_id, "week_id": 2, "start_time": "08:00:00", "elapse_sec": 2700} | changes


async def test_a_channel_is_added_recorded_photographed_stopped_and_deleted(agent: Agent, film: str) -> None:
    rooms = agent.rooms
    assert await agent.ok("add_camera", rev=3, camera_id="7", camera_name="Room", stream_prop="1", stream_mp4=film) == {
        "camera_id": 7
    }
    assert agent.on_disk.known.rev == 3
    assert agent.on_disk.known.cameras[7].stream_mp4 == film
    channel = rooms.fleet.channels[7]
    await rooms.until(lambda: channel.online and channel.packet_age_sec is not None)

    picture = await agent.ok("snapshot", camera_id=7)
    assert (picture["camera_id"], picture["width"], picture["height"]) == (7, 320, 180)

    await agent.ok("start_record", camera_id=7, title="课")
    assert (await agent.ok("start_record", camera_id=7, elapse_sec=60))["online"]  # is on already, without an end
    assert [entry.end for entry in agent.on_disk.known.manual] == [None]
    assert [entry.title for entry in agent.on_disk.known.manual] == ["课"]
    await rooms.until(lambda: any(isinstance(event, RecordingBegan) for event in rooms.events))
    assert len(channel.recording) == 1
    await agent.ok("stop_record", camera_id=7)
    assert agent.on_disk.known.manual == []
    await rooms.until(lambda: any(isinstance(event, RecordingEnded) for event in rooms.events))
    assert sum(isinstance(event, SliceClosed) for event in rooms.events) == 1
    assert await agent.code("stop_record", camera_id=7) == Code.NOT_RECORDING

    await agent.ok("start_record", camera_id=7)
    await agent.ok("stop_camera", camera_id=7)
    assert (agent.on_disk.wanted, agent.on_disk.known.manual) == ({7: False}, [])
    await rooms.until(lambda: channel.pid is None)
    assert await agent.code("snapshot", camera_id=7) == Code.CAMERA_STOPPED
    await agent.ok("start_camera", camera_id=7)
    assert agent.on_disk.wanted == {7: True}
    await rooms.until(lambda: channel.online)

    await agent.ok("del_camera", rev=4, camera_id=7)
    await agent.ok("del_camera", camera_id=7)
    assert (agent.on_disk.known.cameras, agent.on_disk.known.rev) == ({}, 4)
    assert rooms.fleet.channels == {}
    assert channel.pid is None


async def test_a_channel_is_modified_as_a_whole(agent: Agent, film: str) -> None:
    await agent.ok("add_camera", camera_id=7, stream_prop=1, stream_mp4="/nonexistent.mp4", courses=[course(5)])
    channel = agent.rooms.fleet.channels[7]
    await agent.rooms.until(lambda: channel.link.cause == "not_found")
    assert await agent.code("snapshot", camera_id=7) == Code.NO_PICTURE
    await agent.ok("mod_camera", camera_id=7, camera_name="Other", stream_prop=1, stream_mp4=film)
    await agent.rooms.until(lambda: channel.online)
    camera = agent.on_disk.known.cameras[7]
    assert (camera.camera_name, camera.courses) == ("Other", ())


async def test_a_command_that_waited_undoes_nothing_of_a_newer_whole_state(agent: Agent) -> None:
    source = {"camera_id": 7, "stream_url": "rtsp://127.0.0.1:1/x"}
    await agent.ok("add_camera", rev=3, camera_name="first", **source)
    async with agent.commands._one_at_a_time:
        waiting = asyncio.create_task(agent.ok("mod_camera", rev=4, camera_name="second", **source))
        stopping = asyncio.create_task(agent.ok("stop_camera", rev=4, camera_id=7))
        await asyncio.sleep(0)
        third = WireCamera.model_validate({"camera_name": "third", **source})
        agent.rooms.state.take_sync(Sync(rev=5, gather=GatherSettings(), cameras=(third,)))
    await asyncio.gather(waiting, stopping)
    assert agent.on_disk.known.cameras[7].camera_name == "third"
    assert agent.on_disk.wanted == {7: False}, "which no sync tells"


async def test_a_channel_that_gave_up_is_tried_again_when_it_is_started(
    agent: Agent, film: str, tmp_path: Path
) -> None:
    location = tmp_path / "film.mp4"
    await agent.ok("mod_gather", auto_dvr=0)
    await agent.ok("add_camera", camera_id=7, stream_prop=1, stream_mp4=str(location))
    channel = agent.rooms.fleet.channels[7]
    await agent.rooms.until(lambda: channel.link.state == "down")
    location.symlink_to(film)
    await agent.ok("start_camera", camera_id=7)
    await agent.rooms.until(lambda: channel.online)


async def test_courses_are_added_replaced_and_deleted_by_their_number(agent: Agent) -> None:
    await agent.ok("add_camera", camera_id=7, stream_prop=2, stream_url="rtsp://127.0.0.1:1/x")
    await agent.ok("stop_camera", camera_id=7)
    assert await agent.ok("set_course", rev=9, camera_id=7, courses=[course(5), course(6)]) == {
        "camera_id": 7,
        "courses": 2,
    }
    changes = [course(5, is_delete=2, elapse_sec="60"), {"course_id": 6, "is_delete": "3"}, course(8)]
    for _ in range(2):  # a repeat changes nothing
        await agent.ok("set_course", camera_id=7, courses=changes)
    known = agent.on_disk.known
    assert [(one.course_id, one.elapse_sec) for one in known.cameras[7].courses] == [(5, 60), (8, 2700)]
    assert known.rev == 9


async def test_settings_reach_the_state_and_the_channels(agent: Agent, film: str) -> None:
    await agent.ok("add_camera", camera_id=7, stream_prop=1, stream_mp4=film)
    await agent.ok("mod_gather", name_set="R", slice_val="5", inter_val=99, auto_fdfs=0, auto_dvr=1)
    settings = agent.on_disk.known.gather
    assert (settings.name_set, settings.slice_val, settings.inter_val, settings.auto_fds) == ("R", 5, 3, 0)
    channel = agent.rooms.fleet.channels[7]
    assert (channel.tuning.slice_sec, channel.tuning.inter_val) == (300.0, 3)
    assert channel.desired.reconnect


async def test_uploads_are_paused_over_a_restart_and_resumed_and_the_status_is_told(agent: Agent) -> None:
    await agent.ok("pause_upload")
    assert agent.uploads.paused
    assert agent.on_disk.known.uploads_held
    agent.uploads.error = "full"
    await agent.ok("resume_upload")
    assert (agent.uploads.paused, agent.uploads.error) == (False, "")
    assert not agent.on_disk.known.uploads_held
    assert (await agent.ok("status"))["version"] == "0"


async def test_a_recording_by_hand_ends_by_itself(agent: Agent, film: str) -> None:
    await agent.ok("add_camera", camera_id=7, stream_prop=1, stream_mp4=film)
    await agent.ok("start_record", camera_id=7, elapse_sec=5)
    await agent.rooms.until(lambda: any(isinstance(event, RecordingEnded) for event in agent.rooms.events))
    (ended,) = [event for event in agent.rooms.events if isinstance(event, RecordingEnded)]
    assert ended.media_sec < 7.0
    await agent.rooms.fleet.reconcile()
    assert await agent.rooms.recordings() == []
    await agent.ok("start_record", camera_id=7, elapse_sec=600)  # what is over hinders no other
    await agent.rooms.until(lambda: sum(isinstance(event, RecordingBegan) for event in agent.rooms.events) == 2)
    (first,) = [entry.end for entry in agent.on_disk.known.manual if (entry.end or 0.0) > agent.rooms.clock.wall()]
    await agent.ok("start_record", camera_id=7, elapse_sec=6000)  # again = longer, and never shorter
    await agent.ok("start_record", camera_id=7, elapse_sec=60)
    (last,) = [entry.end for entry in agent.on_disk.known.manual if (entry.end or 0.0) > agent.rooms.clock.wall()]
    assert first is not None and last is not None
    assert 5300 < last - first < 5500
    assert len(agent.rooms.fleet.channels[7].recording) == 1


@pytest.mark.parametrize(
    "cmd", ["start_camera", "stop_camera", "set_course", "start_record", "stop_record", "snapshot"]
)
async def test_of_an_unknown_channel(agent: Agent, cmd: str) -> None:
    before = agent.on_disk.known
    assert await agent.code(cmd, camera_id=99) == Code.NO_SUCH_CAMERA
    assert agent.on_disk.known == before


@pytest.mark.parametrize("cmd", ["dance", "", "__init__", "carry_out"])
async def test_unknown_commands(agent: Agent, cmd: str) -> None:
    answer = await agent.answer(cmd, camera_id=7)
    assert answer.err_code == Code.UNKNOWN_COMMAND
    assert repr(cmd) in answer.err_msg


async def test_every_command_of_the_protocol_is_known(agent: Agent) -> None:
    assert set(agent.commands._methods) == set(COMMANDS)


@pytest.mark.parametrize(
    ("cmd", "data", "field"),
    [
        ("add_camera", {}, "camera_id"),
        ("add_camera", {"camera_id": "seven"}, "camera_id"),
        ("add_camera", {"camera_id": 7, "stream_prop": 3}, "stream_prop"),
        ("add_camera", {"camera_id": 7, "stream_prop": 1}, "stream_mp4"),
        ("mod_camera", {"camera_id": 7, "stream_prop": 2}, "stream_url"),
        ("mod_camera", {"camera_id": 7, "stream_prop": 0, "device_ip": " "}, "device_ip"),
        ("add_camera", FILM | {"courses": [{}]}, "courses.0.course_id"),
        (
            "add_camera",
            {"camera_id": 7, "stream_prop": 1, "stream_mp4": "/x", "courses": [course(1, start_time="x")]},
            "1",
        ),
        ("del_camera", {}, "camera_id"),
        ("start_camera", {"camera_id": None}, "camera_id"),
        ("stop_camera", {"camera_id": [7]}, "camera_id"),
        ("set_course", {"camera_id": 5, "courses": [course(1, week_id=7)]}, "week_id"),
        ("set_course", {"camera_id": 5, "courses": [course(1, elapse_sec=86400)]}, "elapse_sec"),
        ("set_course", {"camera_id": 5, "courses": [course(1, is_delete=4)]}, "is_delete"),
        ("set_course", {"camera_id": 5, "courses": [course(1, start_time="25:00:00")]}, "25:00:00"),
        ("set_course", {"camera_id": 5, "courses": {}}, "courses"),
        ("mod_gather", {"main_rate": "fast"}, "main_rate"),
        ("start_record", {"camera_id": 5, "elapse_sec": -1}, "elapse_sec"),
        ("stop_record", {"camera_id": 1e999}, "camera_id"),
        ("snapshot", {"camera_id": "\ud800"}, "camera_id"),
    ],
)
async def test_wrong_data_names_the_field_and_changes_nothing(
    agent: Agent, cmd: str, data: dict[str, Any], field: str
) -> None:
    await agent.ok("add_camera", camera_id=5, stream_prop=2, stream_url="rtsp://127.0.0.1:1/x")
    await agent.ok("stop_camera", camera_id=5)
    before = agent.on_disk.known
    answer = await agent.answer(cmd, rev=77, **data)
    assert answer.err_code == Code.BAD_DATA
    assert field in answer.err_msg
    assert agent.on_disk.known == before
    assert agent.rooms.state.known == before


async def test_a_failure_of_ours_is_an_answer_too(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("agent.state.replace_file", full)
    answer = await agent.answer("mod_gather", name_set="R")
    assert answer.err_code == Code.FAILED
    assert "disk full" in answer.err_msg


async def test_presets_are_asked_of_the_device(agent: Agent) -> None:
    device = Device([Stream("main", 1920, 1080, 4096, "rtsp://10.0.0.9/main")], "admin", "secret")
    async with serving(device):
        where = f"127.0.0.1:{device.port}"
        who = {"device_user": "admin", "device_pass": "secret"}
        await agent.ok("add_camera", camera_id=7, stream_prop=0, device_ip=where, **who)  # type: ignore[arg-type]
        await agent.ok("stop_camera", camera_id=7)
        listed = await agent.ok("presets", camera_id=7)
        assert [one["name"] for one in listed["presets"]] == list(device.presets.values())
        assert (await agent.ok("go_to_preset", camera_id=7, preset="Blackboard"))["preset"]["token"] == "1"
        assert device.looks_at == "Blackboard"
        assert await agent.code("go_to_preset", camera_id=7, preset="Door") == Code.DEVICE_REFUSES
    assert await agent.code("go_to_preset", camera_id=7, preset="") == Code.BAD_DATA
    assert await agent.code("presets", camera_id=8) == Code.NO_SUCH_CAMERA
    await agent.ok("add_camera", camera_id=9, stream_prop=1, stream_mp4="/film.mp4")
    assert await agent.code("presets", camera_id=9) == Code.BAD_DATA
