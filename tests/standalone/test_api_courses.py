"""3.27 to 3.30: weekly courses."""

from __future__ import annotations

import json

import pytest

from tests.standalone.databases import ON_EVERY_DATABASE
from tests.standalone.helpers import Api, ScriptedAgent
from tests.standalone.test_api_cameras import add

pytestmark = ON_EVERY_DATABASE


def course(camera_id: int, /, **changes: object) -> dict[str, object]:
    times = {"week_id": 3, "start_time": "10:30:30", "elapse_sec": 3600}
    return {"camera_id": camera_id, "subject_id": 1, "teacher_id": 1} | times | changes


async def test_add_list_and_tell(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    async with agent.relay():
        answer = await api.ok("add_course", **course(camera_id))
        command = agent.commands[-1]
    assert set(answer) == {"err_code", "err_msg", "course_id", "camera_id", "transmit"}
    assert answer["camera_id"] == camera_id
    assert json.loads(answer["transmit"])["err_code"] == 0
    assert command["cmd"] == "set_course"
    assert command["data"]["camera_id"] == camera_id
    assert command["data"]["courses"] == [
        {
            "course_id": answer["course_id"],
            "camera_id": camera_id,
            "subject_id": 1,
            "teacher_id": 1,
            "week_id": 3,
            "elapse_sec": 3600,
            "start_time": "10:30:30",
            "title": "语文",
            "is_delete": 1,
        }
    ]
    listed = await api.ok("list_course", camera_id=camera_id)
    assert listed["data"] == [
        {
            "course_id": answer["course_id"],
            "camera_id": camera_id,
            "subject_id": 1,
            "teacher_id": 1,
            "repeat_id": 2,
            "week_id": 3,
            "elapse_sec": 3600,
            "start_time": "2026-11-24 10:30:30",
            "end_time": "2026-11-24 11:30:30",
            "created": "2026-11-24 10:00:00",
            "updated": "2026-11-24 10:00:00",
        }
    ]


async def test_the_list_counts_the_channels_own_courses(api: Api, agent: ScriptedAgent) -> None:
    one, two = await add(api, agent), await add(api, agent)
    for week_id in (5, 0, 2):
        await api.ok("add_course", **course(one, week_id=week_id))
    await api.ok("add_course", **course(two))
    listed = await api.ok("list_course", camera_id=one, per=2)
    assert (listed["total_num"], listed["max_page"]) == (3, 2)
    assert [row["week_id"] for row in listed["data"]] == [0, 2]
    assert await api.code("list_course") == 1010
    assert (await api.ok("list_course", camera_id=999))["data"] == []


@pytest.mark.parametrize(
    ("start", "length"), [("23:00:00", 3599), ("00:00:00", 86399), ("00:00:00", 1), ("23:59:58", 1)]
)
async def test_the_latest_end_is_23_59_59(api: Api, agent: ScriptedAgent, start: str, length: int) -> None:
    await api.ok("add_course", **course(await add(api, agent), start_time=start, elapse_sec=length))


@pytest.mark.parametrize(
    ("start", "length", "clashes"),
    [
        ("09:00:00", 3600, False),
        ("09:00:00", 3601, True),
        ("11:00:00", 3600, False),
        ("10:59:59", 3600, True),
        ("10:00:00", 3600, True),
        ("10:15:00", 60, True),
        ("09:00:00", 3 * 3600, True),
    ],
)
async def test_overlap_is_half_open(api: Api, agent: ScriptedAgent, start: str, length: int, clashes: bool) -> None:
    camera_id = await add(api, agent)
    await api.ok("add_course", **course(camera_id, start_time="10:00:00"))
    answer = await api.get("add_course", **course(camera_id, start_time=start, elapse_sec=length))
    assert answer["err_code"] == (1012 if clashes else 0)
    if clashes:
        assert answer["err_msg"] == "输入时间与已有时间发生重叠，重叠区间：10:00:00 ~ 11:00:00"
    await api.ok("add_course", **course(camera_id, start_time="10:00:00", week_id=4))
    await api.ok("add_course", **course(await add(api, agent), start_time="10:00:00"))


async def test_mod_course(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    course_id = (await api.ok("add_course", **course(camera_id)))["course_id"]
    other = (await api.ok("add_course", **course(camera_id, start_time="11:30:30")))["course_id"]
    async with agent.relay():
        answer = await api.ok(
            "mod_course", course_id=course_id, **course(camera_id, start_time="10:00:00", subject_id=2)
        )
        assert (answer["course_id"], answer["camera_id"]) == (course_id, camera_id)
        (item,) = agent.commands[-1]["data"]["courses"]
    assert (item["is_delete"], item["start_time"], item["title"]) == (2, "10:00:00", "数学")
    assert await api.code("mod_course", course_id=other, **course(camera_id, start_time="10:59:59")) == 1012
    assert await api.code("mod_course", course_id=99, **course(camera_id)) == 1010
    assert await api.code("mod_course", **course(camera_id)) == 1010


async def test_a_course_that_moves_leaves_its_channel(api: Api, agent: ScriptedAgent) -> None:
    one, two = await add(api, agent), await add(api, agent)
    course_id = (await api.ok("add_course", **course(one)))["course_id"]
    async with agent.relay():
        await api.ok("mod_course", course_id=course_id, **course(two))
        told = [(c["data"]["camera_id"], c["data"]["courses"][0]["is_delete"]) for c in agent.commands]
    assert told == [(one, 3), (two, 1)]
    async with agent.relay():
        cameras = {camera["camera_id"]: camera["courses"] for camera in agent.syncs[-1]["cameras"]}
    assert (len(cameras[one]), len(cameras[two])) == (0, 1)


async def test_del_course_tells_every_agent_concerned(api: Api, agent: ScriptedAgent) -> None:
    second = ScriptedAgent(agent.server, agent.http, uid="agent-2", mac="AA")
    await second.register()
    one, two = await add(api, agent), await add(api, second)
    first_id = (await api.ok("add_course", **course(one)))["course_id"]
    second_id = (await api.ok("add_course", **course(two)))["course_id"]
    async with agent.relay(), second.relay():
        answer = await api.ok("del_course", course_id=f"{first_id},{second_id},999")
        assert json.loads(answer["transmit"])["err_code"] == 0
        for told, camera_id, course_id in ((agent, one, first_id), (second, two, second_id)):
            data = told.commands[-1]["data"]
            assert (data["camera_id"], data["courses"][0]["course_id"]) == (camera_id, course_id)
            assert data["courses"][0]["is_delete"] == 3
    assert await api.code("del_course", course_id=f"{first_id},{second_id}") == 1010
    assert await api.code("del_course") == 1010
