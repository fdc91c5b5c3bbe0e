"""`GET /gather/v1/relay`, with a real websocket client."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agent.standalone.gather import relay
from agent.standalone.gather.reports import LEASE_SECONDS
from agent.standalone.settings import ServerSettings
from tests.standalone.helpers import Api, FakeClock, ScriptedAgent
from tests.standalone.test_api_cameras import add
from tests.standalone.test_api_courses import course


async def eventually(api: Api, endpoint: str, wanted: Any, *path: Any, **params: Any) -> None:
    """Wait until a call shows this value: events on the relay are not answered."""
    async with asyncio.timeout(30):
        while True:
            found: Any = await api.ok(endpoint, **params)
            for step in path:
                found = found[step]
            if found == wanted:
                return
            await asyncio.sleep(0.01)


async def test_hello_is_answered_with_the_whole_state(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    await api.ok("add_course", **course(camera_id))
    await api.ok("mod_gather", gather_id=agent.gather_id, snap_val=7)
    async with agent.relay():
        (sync,) = agent.syncs
    assert sync["rev"] == 4
    assert sync["gather"]["snap_val"] == 7
    (camera,) = sync["cameras"]
    assert (camera["camera_id"], camera["stream_url"][:7]) == (camera_id, "rtsp://")
    assert [(item["course_id"], item["start_time"]) for item in camera["courses"]] == [(1, "10:30:30")]


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_a_token_is_needed(agent: ScriptedAgent, token: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            agent.registered["relay_url"], additional_headers={"Authorization": f"Bearer {token}"}, proxy=None
        ):
            pass
    assert refused.value.response.status_code == 401


async def test_a_second_connection_replaces_the_first(api: Api, agent: ScriptedAgent) -> None:
    twin = ScriptedAgent(agent.server, agent.http, token=agent.token, registered=agent.registered, gather_id=1)
    async with agent.relay() as first, twin.relay():
        await asyncio.wait_for(first.wait_closed(), 30)
        await api.ok("mod_gather", gather_id=1, snap_val=3)
        assert [command["cmd"] for command in twin.commands] == ["mod_gather"]
        assert agent.commands == []


async def test_changes_come_in_the_order_of_their_revisions(api: Api, agent: ScriptedAgent) -> None:
    async with agent.relay():
        first = agent.syncs[-1]["rev"]
        await asyncio.gather(*(api.ok("mod_gather", gather_id=1, main_rate=1000 + n) for n in range(20)))
        assert [command["rev"] for command in agent.commands] == list(range(first + 1, first + 21))
        last = agent.commands[-1]["data"]["main_rate"]
        assert len({command["id"] for command in agent.commands}) == 20
    assert (await api.ok("list_gather"))["data"][0]["main_rate"] == last


async def test_a_connection_that_drops_before_the_answer(api: Api, agent: ScriptedAgent) -> None:
    asked = asyncio.Event()

    def silent(_cmd: str, _data: dict[str, Any]) -> None:
        asked.set()

    agent.reply = silent
    async with agent.relay() as socket:
        call = asyncio.create_task(api.ok("mod_gather", gather_id=1, snap_val=3))
        await asyncio.wait_for(asked.wait(), 30)
        await socket.close()
        assert json.loads((await call)["transmit"])["err_code"] == 10003


async def test_events_bring_the_state_up_to_date(api: Api, agent: ScriptedAgent, clock: FakeClock) -> None:
    camera_id = await add(api, agent)
    async with agent.relay() as socket:
        clock.now += LEASE_SECONDS + 1
        await eventually(api, "get_camera_status", 0, "status", camera_id=camera_id)

        async def event(name: str, **data: Any) -> None:
            await socket.send(json.dumps({"event": name, "seq": 1, "data": {"camera_id": camera_id, **data}}))

        await event("camera", text="online", state="online")
        await eventually(api, "get_camera_status", 1, "status", camera_id=camera_id)
        await eventually(api, "list_gather", 1, "data", 0, "status")
        await event("camera", text="new picture")
        await event("recording", slice_id=5)
        await event("camera", text="away", state="waiting", cause="unreachable", detail="no route")
        await eventually(api, "get_camera_status", 0, "status", camera_id=camera_id)


async def test_hello_tells_the_channels_states(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    async with agent.relay() as socket:
        hello = {"gather_id": 1, "cameras": [{"camera_id": camera_id, "status": 1}, {"camera_id": 99, "status": 1}]}
        await socket.send(json.dumps({"hello": hello}))
        await eventually(api, "get_camera_status", 1, "status", camera_id=camera_id)


NONSENSE = [
    *(
        "",
        "x",
        "[]",
        "null",
        "{}",
        '{"err_code": "x"}',
        '{"event": 1}',
        '{"hello": []}',
        '{"hello": {"gather_id": "x"}}',
    ),
    *('{"event": "camera", "seq": 1}', '{"event": "camera", "seq": 1, "data": {"camera_id": "1", "state": 5}}'),
    *('{"event": "recording", "seq": 1, "data": {"camera_id": 1}}', '{"id": "nobody", "err_code": 0}', "[" * 10000),
    '{"event": "gossip", "seq": 1, "data": {"camera_id": 99999999999999999999}}',
]


async def test_nonsense_does_not_end_the_link(api: Api, agent: ScriptedAgent) -> None:
    await add(api, agent)
    async with agent.relay() as socket:
        for text in NONSENSE:
            await socket.send(text)
        await socket.send(b"\x00\xff binary")
        answer = await api.ok("mod_gather", gather_id=1, snap_val=3)
        assert json.loads(answer["transmit"])["err_code"] == 0


async def test_frames_that_are_too_large_end_it(agent: ScriptedAgent) -> None:
    async with agent.relay() as socket:
        await socket.send("x" * (4 << 20) + "y")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 30) if agent.commands else await asyncio.wait_for(
                socket.wait_closed(), 5
            )
            await socket.send("more")
        assert socket.close_code == 1009


async def test_silence_is_a_drop(api: Api, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "SILENCE_SECONDS", 0.2)
    async with agent.relay() as socket:
        await asyncio.wait_for(socket.wait_closed(), 30)
        assert socket.close_reason == "silent"
    await eventually(api, "mod_gather", 0, "err_code", gather_id=1)


async def test_pings_keep_it_open(api: Api, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "SILENCE_SECONDS", 2.0)
    monkeypatch.setattr(relay, "PING_SECONDS", 0.05)
    async with agent.relay() as socket:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.wait_closed(), 3.0)
        assert json.loads((await api.ok("mod_gather", gather_id=1))["transmit"])["err_code"] == 0


async def test_stopping_the_server_ends_the_links(agent: ScriptedAgent) -> None:
    async with agent.relay() as socket:
        await asyncio.wait_for(agent.server.stop(), 30)
        await asyncio.wait_for(socket.wait_closed(), 30)
        assert socket.close_code == 1001


async def test_an_agent_whose_state_cannot_be_read_is_told_to_come_again(
    api: Api, agent: ScriptedAgent, settings: ServerSettings
) -> None:
    camera_id = await add(api, agent)
    with closing(sqlite3.connect(settings.database_file)) as database:
        database.execute("ALTER TABLE course RENAME TO away")
    async with connect(agent.registered["relay_url"], additional_headers=agent.auth, proxy=None) as socket:
        await socket.send(json.dumps({"hello": {"gather_id": agent.gather_id}}))
        await asyncio.wait_for(socket.wait_closed(), 30)
    with closing(sqlite3.connect(settings.database_file)) as database:
        database.execute("ALTER TABLE away RENAME TO course")
    async with agent.relay():
        await api.ok("start_camera", camera_id=camera_id)
        assert [command["cmd"] for command in agent.commands] == ["start_camera"]
