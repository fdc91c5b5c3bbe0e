"""3.16 and 3.17: recorders."""

from __future__ import annotations

import json

from agent.standalone.gather.reports import LEASE_SECONDS
from tests.standalone.helpers import Api, FakeClock, ScriptedAgent


async def test_list_gather(api: Api, agent: ScriptedAgent) -> None:
    answer = await api.ok("list_gather")
    assert answer["data"] == [
        {
            "gather_id": agent.gather_id,
            "school_id": 1,
            "mac_addr": agent.mac,
            "ip_addr": "10.0.0.9",
            "name_pc": "PC-301",
            "name_set": "PC-301",
            "os_name": "Linux",
            "main_rate": 1024,
            "sub_rate": 512,
            "auto_dvr": 0,
            "auto_fds": 1,
            "slice_val": 0,
            "inter_val": 0,
            "snap_val": 2,
            "status": 0,
            "created": "2026-11-24 10:00:00",
            "updated": "2026-11-24 10:00:00",
        }
    ]
    assert (await api.ok("list_gather", gather_id=agent.gather_id + 1))["data"] == []


async def test_a_lease_of_before_the_clock_was_put_back_is_over(
    api: Api, agent: ScriptedAgent, clock: FakeClock
) -> None:
    await agent.online()
    clock.now -= 86_400.0
    await api.sign_in()
    assert (await api.ok("list_gather"))["data"][0]["status"] == 0
    await agent.online()
    assert (await api.ok("list_gather"))["data"][0]["status"] == 1


async def test_the_lease_says_whether_it_is_online(api: Api, agent: ScriptedAgent, clock: FakeClock) -> None:
    await agent.online()
    assert (await api.ok("list_gather"))["data"][0]["status"] == 1
    clock.now += LEASE_SECONDS - 1
    assert (await api.ok("list_gather"))["data"][0]["status"] == 1
    clock.now += 1
    assert (await api.ok("list_gather"))["data"][0]["status"] == 0


async def test_mod_gather_reaches_the_agent(api: Api, agent: ScriptedAgent) -> None:
    async with agent.relay():
        before = agent.syncs[-1]["rev"]
        answer = await api.ok(
            "mod_gather",
            gather_id=agent.gather_id,
            school_id=1,
            name_set="采集端",
            slice_val=5,
            inter_val=1,
            snap_val=3,
        )
        assert json.loads(answer["transmit"]) == {"err_code": 0, "err_msg": "OK", "data": {}}
        command = agent.commands[-1]
        assert (command["cmd"], command["rev"]) == ("mod_gather", before + 1)
        assert (command["data"]["slice_val"], command["data"]["inter_val"], command["data"]["snap_val"]) == (5, 1, 3)
        assert (command["data"]["name_set"], command["data"]["main_rate"]) == ("采集端", 1024)
    row = (await api.ok("list_gather"))["data"][0]
    assert (row["name_set"], row["slice_val"]) == ("采集端", 5)


async def test_values_outside_their_range_are_clamped(api: Api, agent: ScriptedAgent) -> None:
    await api.ok(
        "mod_gather", gather_id=agent.gather_id, slice_val=31, inter_val=-1, snap_val=0, auto_dvr=7, auto_fdfs=0
    )
    row = (await api.ok("list_gather"))["data"][0]
    assert (row["slice_val"], row["inter_val"], row["snap_val"], row["auto_dvr"], row["auto_fds"]) == (30, 0, 1, 1, 0)


async def test_without_the_agent_the_call_succeeds_and_says_so(api: Api, agent: ScriptedAgent) -> None:
    answer = await api.ok("mod_gather", gather_id=agent.gather_id, slice_val=9)
    assert json.loads(answer["transmit"])["err_code"] == 10002
    async with agent.relay():
        assert agent.syncs[-1]["gather"]["slice_val"] == 9


async def test_the_agents_refusal_is_the_outcome(api: Api, agent: ScriptedAgent) -> None:
    agent.reply = lambda _cmd, _data: {"err_code": 10106, "err_msg": "采集端执行命令失败。", "data": {"why": "disk"}}
    async with agent.relay():
        answer = await api.ok("mod_gather", gather_id=agent.gather_id, slice_val=9)
    assert json.loads(answer["transmit"]) == {
        "err_code": 10106,
        "err_msg": "采集端执行命令失败。",
        "data": {"why": "disk"},
    }


async def test_an_agent_that_does_not_answer_is_a_timeout(api: Api, agent: ScriptedAgent) -> None:
    agent.reply = lambda _cmd, _data: None
    api.server._services.hub.answer_seconds = 0.05
    async with agent.relay():
        answer = await api.ok("mod_gather", gather_id=agent.gather_id, slice_val=9)
    assert json.loads(answer["transmit"])["err_code"] == 10105
