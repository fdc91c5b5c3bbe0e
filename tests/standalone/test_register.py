"""`POST /gather/v1/register`."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import create_engine, text

from agent.standalone.server import EmbeddedServer
from tests.standalone.helpers import JPEG, TUESDAY, Api, ScriptedAgent, do, set_up
from tests.standalone.test_api_cameras import add


async def test_the_first_registration_gets_a_token_of_its_own(server: EmbeddedServer, agent: ScriptedAgent) -> None:
    answer = agent.registered
    assert (answer["err_code"], answer["gather_id"], answer["timezone"]) == (0, 1, "Asia/Shanghai")
    assert answer["server_time"] == TUESDAY
    assert answer["relay_url"] == server.url.replace("http", "ws") + "/gather/v1/relay"
    assert answer["storage"] == {"kind": "http", "url": server.url + "/gather/v1/files", "path": ""}
    assert answer["gather"] == {
        "name_set": "PC-301",
        "main_rate": 1024,
        "sub_rate": 512,
        "auto_dvr": 0,
        "auto_fds": 1,
        "slice_val": 0,
        "inter_val": 0,
        "snap_val": 2,
    }
    assert len(agent.token) >= 32
    again = await agent.register(agent.token)
    assert (again["gather_id"], again["token"]) == (1, "")


async def test_a_lost_token_is_replaced(agent: ScriptedAgent) -> None:
    former = agent.token
    again = await agent.register()
    assert again["gather_id"] == 1
    assert agent.token != former
    assert (await agent.post("status", {}, former))[0] == 401
    assert (await agent.post("status", {}))[0] == 200


async def test_the_mac_adopts_the_row_of_a_machine_that_was_installed_anew(agent: ScriptedAgent) -> None:
    anew = ScriptedAgent(agent.server, agent.http, uid="agent-new", mac=agent.mac)
    assert (await anew.register())["gather_id"] == agent.gather_id
    assert (await agent.post("status", {}))[0] == 401


async def test_a_second_agent_on_the_machine_gets_a_row_of_its_own(agent: ScriptedAgent) -> None:
    async with agent.relay():
        second = ScriptedAgent(agent.server, agent.http, uid="agent-2", mac=agent.mac)
        assert (await second.register())["gather_id"] != agent.gather_id


async def test_without_a_mac_nothing_is_adopted(agent: ScriptedAgent) -> None:
    ids = set()
    for uid in ("a", "b"):
        other = ScriptedAgent(agent.server, agent.http, uid=uid, mac="")
        ids.add((await other.register())["gather_id"])
    assert len(ids | {agent.gather_id}) == 3


@pytest.mark.parametrize("key", ["wrong", "0" * 32])
async def test_wrong_keys(agent: ScriptedAgent, key: str) -> None:
    status, answer = await agent.post("register", {"agent_uid": "x"}, key)
    assert (status, answer["err_code"]) == (401, 401)


async def test_a_key_is_judged_before_the_body_and_asking_changes_nothing(agent: ScriptedAgent) -> None:
    for key, status in ((agent.server.enrol_key, 400), (agent.token, 400), ("wrong", 401)):
        assert (await agent.post("register", {"agent_uid": ""}, key))[0] == status
    assert (await agent.register(agent.token))["token"] == "", "its token goes on"


async def test_a_token_belongs_to_one_agent(agent: ScriptedAgent) -> None:
    status, _ = await agent.post("register", {"agent_uid": "somebody else"}, agent.token)
    assert status == 403


async def test_bodies_that_are_none(agent: ScriptedAgent) -> None:
    for body in (b"", b"[]", b"{}", b'{"agent_uid": ""}', b'{"agent_uid": 3.5}', b"\xff", b"[" * 5000):
        status, answer = await agent.post("register", body, agent.server.enrol_key)
        assert (status, answer["err_code"]) == (400, 400), body[:20]


async def test_without_authorization(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    for path in ("register", "records", "snapshots", "status"):
        async with http.post(f"{server.url}/gather/v1/{path}", json={"agent_uid": "x"}) as response:
            assert response.status == 401


async def test_secrets_are_random_private_and_not_in_the_database(
    server: EmbeddedServer, agent: ScriptedAgent, api: Api, tmp_path: Path
) -> None:
    folder = tmp_path / "server"
    assert server.first_run
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "server.sqlite").stat().st_mode) == 0o600
    engine = create_engine(f"sqlite:///{folder / 'server.sqlite'}")
    with engine.connect() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
        assert connection.execute(text("pragma journal_mode")).scalar() == "wal"
    engine.dispose()
    for secret in (server.credential, server.enrol_key, agent.token, api.token):
        assert secret not in dump
    other = EmbeddedServer(type(server._services.settings)(data_dir=tmp_path / "other"))
    assert (other.credential, other.enrol_key) != (server.credential, server.enrol_key)
    await other._services.database.close()


async def test_a_replaced_enrol_key_lets_nobody_new_in_and_nobody_out(api: Api, agent: ScriptedAgent) -> None:
    former = api.server.enrol_key
    await set_up(api.server, api.http)
    assert (await do(api.server, api.http, "replace_enrol_key"))["err_code"] == 0
    assert api.server.enrol_key != former
    newcomer = ScriptedAgent(agent.server, agent.http, uid="agent-2", mac="AA")
    assert (await newcomer.register(former))["err_code"] == 401
    assert (await newcomer.register())["err_code"] == 0
    assert (await agent.register(agent.token))["err_code"] == 0
    await agent.online()


async def test_a_revoked_agent_is_out_at_once_and_until_it_is_enrolled_again(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    await set_up(api.server, api.http)
    async with agent.relay() as socket:
        await agent.online()
        assert (await do(api.server, api.http, "revoke_gather", gather_id=agent.gather_id))["err_code"] == 0
        await asyncio.wait_for(socket.wait_closed(), 30)
    assert (await api.ok("list_gather"))["data"][0]["status"] == 0
    assert (await agent.post("status", {}))[0] == 401
    assert (await agent.put(f"live_{camera_id}.jpg", JPEG))[0] == 401
    former = agent.gather_id
    assert (await agent.register(agent.token))["err_code"] == 401
    assert (await agent.register())["gather_id"] == former, "it is the same recorder, with its channels"
    assert (await do(api.server, api.http, "revoke_gather", gather_id=99))["err_code"] == 1010
