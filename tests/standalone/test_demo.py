"""The demonstration, over the API, with a scripted agent."""

from __future__ import annotations

import asyncio

import pytest

from agent.standalone import demo
from agent.standalone.demo import DemoError, seed
from tests.standalone.helpers import TUESDAY, Api, ScriptedAgent


async def test_seed_makes_a_channel_and_a_lesson(api: Api, agent: ScriptedAgent) -> None:
    async with agent.relay():
        plan = await seed(api.server.url, api.server.credential, "/v/sample.mp4", now=TUESDAY + 90)
        assert [command["cmd"] for command in agent.commands] == ["mod_gather", "add_camera", "set_course"]
        again = await seed(api.server.url, api.server.credential, "/v/sample.mp4", now=TUESDAY + 600)
    (lesson,) = plan.lessons
    assert (lesson.begin.timestamp(), lesson.end.timestamp()) == (TUESDAY + 93, TUESDAY + 60 + 7200)
    assert str(lesson.begin.tzinfo) == "Asia/Shanghai"
    assert (plan.gather_id, plan.gather_name, plan.camera_name) == (agent.gather_id, "PC-301", demo.CAMERA_NAME)
    assert again.camera_id == plan.camera_id
    assert [(each.course_id, each.made) for each in again.lessons] == [(lesson.course_id, False)]
    (row,) = (await api.ok("list_gather"))["data"]
    assert (row["slice_val"], row["inter_val"], row["snap_val"]) == (1, 1, 1)
    (camera,) = (await api.ok("list_camera"))["data"]
    assert (camera["stream_prop"], camera["stream_mp4"]) == (1, "/v/sample.mp4")


async def test_a_stream_is_a_channel_of_its_own(api: Api, agent: ScriptedAgent) -> None:
    async with agent.relay():
        first = await seed(api.server.url, api.server.credential, "/v/sample.mp4", now=TUESDAY)
        second = await seed(api.server.url, api.server.credential, "rtsp://10.0.0.7/ch1", now=TUESDAY)
    assert first.camera_id != second.camera_id
    camera = (await api.ok("list_camera", camera_id=second.camera_id))["data"][0]
    assert (camera["stream_prop"], camera["stream_url"]) == (2, "rtsp://10.0.0.7/ch1")


async def test_near_midnight_a_lesson_follows(api: Api, agent: ScriptedAgent) -> None:
    async with agent.relay():
        plan = await seed(api.server.url, api.server.credential, "/v/sample.mp4", now=TUESDAY + 13 * 3600 + 3300)
    times = [(lesson.begin.strftime("%d %H:%M:%S"), lesson.end.strftime("%d %H:%M:%S")) for lesson in plan.lessons]
    assert times == [("24 23:55:03", "24 23:59:59"), ("25 00:00:00", "25 01:55:00")]


async def test_it_waits_for_the_agent(api: Api, agent: ScriptedAgent) -> None:
    seeding = asyncio.create_task(seed(api.server.url, api.server.credential, "/v/sample.mp4", now=TUESDAY))
    done, _ = await asyncio.wait([seeding], timeout=0.2)
    assert not done
    async with agent.relay():
        assert (await asyncio.wait_for(seeding, 5)).gather_id == agent.gather_id


async def test_without_an_agent_it_gives_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "AGENT_SECONDS", 0.1)
    with pytest.raises(DemoError, match="no agent"):
        await seed(api.server.url, api.server.credential, "/v/sample.mp4", now=TUESDAY)


async def test_errors_are_named(api: Api) -> None:
    with pytest.raises(DemoError, match="1002"):
        await seed(api.server.url, "0" * 32, "/v/sample.mp4", now=TUESDAY)
    with pytest.raises(DemoError, match="cannot be reached"):
        await seed("http://127.0.0.1:1", api.server.credential, "/v/sample.mp4", now=TUESDAY)
