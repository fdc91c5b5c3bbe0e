"""3.18 to 3.24: channels."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import yarl
from sqlalchemy import text

from agent.standalone.gather.reports import LEASE_SECONDS
from tests.standalone.helpers import JPEG, Api, FakeClock, ScriptedAgent, record, stem

URL = "rtsp://10.0.0.7/ch1?profile=1&x=/y"


async def add(api: Api, agent: ScriptedAgent, **changes: object) -> int:
    new = {
        "camera_name": "一班",
        "gather_id": agent.gather_id,
        "grade_id": 4,
        "stream_prop": 2,
        "stream_url": URL,
    } | changes
    return int((await api.ok("add_camera", **new))["camera_id"])


async def test_add_and_list(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    answer = await api.ok("list_camera")
    assert answer["storage_addr"] == api.server.url
    assert answer["data"] == [
        {
            "camera_id": camera_id,
            "camera_name": "一班",
            "image_id": 0,
            "image_fdfs": "",
            "gather_id": agent.gather_id,
            "name_set": "PC-301",
            "school_id": 1,
            "school_name": "本校",
            "grade_id": 4,
            "grade_type": "小学",
            "grade_name": "一年级",
            "stream_prop": 2,
            "stream_url": URL,
            "stream_mp4": "",
            "device_ip": "",
            "device_user": "",
            "device_pass": "",
            "device_cmd_port": 0,
            "device_mirror": 0,
            "device_osd": 1,
            "device_twice": 0,
            "device_show": 1,
            "status": 0,
            "clicks": 0,
            "created": "2026-11-24 10:00:00",
            "updated": "2026-11-24 10:00:00",
        }
    ]


async def test_add_reaches_the_agent(api: Api, agent: ScriptedAgent) -> None:
    async with agent.relay():
        answer = await api.ok(
            "add_camera",
            camera_name="文件",
            gather_id=agent.gather_id,
            grade_id=4,
            stream_prop=1,
            stream_mp4="/v/a b.mp4",
        )
        assert json.loads(answer["transmit"])["err_code"] == 0
        command = agent.commands[-1]
    assert command["cmd"] == "add_camera"
    assert command["data"]["camera_id"] == answer["camera_id"]
    assert (command["data"]["stream_prop"], command["data"]["stream_mp4"]) == (1, "/v/a b.mp4")
    async with agent.relay():
        assert [camera["camera_id"] for camera in agent.syncs[-1]["cameras"]] == [answer["camera_id"]]
        assert agent.syncs[-1]["rev"] == command["rev"]


async def test_mod_camera(api: Api, agent: ScriptedAgent, caplog: pytest.LogCaptureFixture) -> None:
    camera_id = await add(api, agent)
    secret = base64.b64encode(b"a secret 9c1").decode()
    with caplog.at_level(logging.DEBUG):
        async with agent.relay():
            answer = await api.ok(
                "mod_camera",
                camera_id=camera_id,
                camera_name="二班",
                grade_id=5,
                stream_prop=0,
                device_ip="10.0.0.8",
                device_user="admin",
                device_pass=secret,
                device_cmd_prot=8000,
                device_twice=1,
                device_osd=0,
            )
            assert json.loads(answer["transmit"])["err_code"] == 0
            sent = agent.commands[-1]
    assert secret not in caplog.text
    assert sent["cmd"] == "mod_camera"
    expected = {"camera_name": "二班", "stream_prop": 0, "device_ip": "10.0.0.8", "device_cmd_port": 8000}
    expected |= {"device_pass": secret, "device_twice": 1, "device_osd": 0}
    assert {name: sent["data"][name] for name in expected} == expected
    row = (await api.ok("list_camera", camera_id=camera_id))["data"][0]
    assert {name: row[name] for name in expected} == expected
    assert (row["grade_name"], row["stream_url"]) == ("二年级", URL)


async def test_an_error_of_the_database_tells_no_secret(
    api: Api, agent: ScriptedAgent, caplog: pytest.LogCaptureFixture
) -> None:
    camera_id = await add(api, agent)
    await api.server._services.database.run(lambda session: session.execute(text("drop table course")))
    url = api.url(
        "mod_camera", {"token": api.token, "camera_id": camera_id, "camera_name": "x", "device_pass": "c2VjcmV0OWMx"}
    )
    async with api.http.get(url) as response:
        assert (response.status, (await response.json())["err_code"]) == (500, 500)
    assert "mod_camera failed" in caplog.text
    assert "c2VjcmV0OWMx" not in caplog.text
    assert api.token not in caplog.text


MOD_REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"stream_prop": 5}, 1010),
    ({"grade_id": 12345}, 1010),
    ({"stream_prop": 2, "stream_url": "gopher://x"}, 1008),
    ({"device_osd": "on"}, 1010),
]


async def test_mod_refusals_change_nothing(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    for changes, code in MOD_REFUSED:
        params = {"camera_id": camera_id, "camera_name": "改"} | changes
        assert await api.code("mod_camera", **params) == code, changes
    assert (await api.ok("list_camera"))["data"][0]["camera_name"] == "一班"


async def test_status_by_lease(api: Api, agent: ScriptedAgent, clock: FakeClock) -> None:
    camera_id = await add(api, agent)

    async def status() -> tuple[int, int]:
        found = await api.ok("get_camera_status", camera_id=camera_id)
        assert set(found) == {"err_code", "err_msg", "camera_id", "status"}
        return found["status"], (await api.ok("list_camera"))["data"][0]["status"]

    assert await status() == (0, 0)
    await agent.online()
    assert await status() == (0, -1)
    await agent.post("status", {"cameras": [{"camera_id": camera_id, "status": 1}]})
    assert await status() == (1, 1)
    clock.now += LEASE_SECONDS
    assert await status() == (0, 0)
    assert await api.code("get_camera_status", camera_id=99) == 1010
    assert await api.code("get_camera_status") == 1010


async def test_start_and_stop_do_what_they_say(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    async with agent.relay():
        for endpoint in ("stop_camera", "stop_camera", "start_camera", "start_camera"):
            answer = await api.ok(endpoint, camera_id=camera_id)
            assert set(answer) == {"err_code", "err_msg", "transmit"}
            assert json.loads(answer["transmit"])["err_code"] == 0
            assert agent.commands[-1]["cmd"] == endpoint
            assert agent.commands[-1]["data"] == {"camera_id": camera_id}
    assert json.loads((await api.ok("start_camera", camera_id=camera_id))["transmit"])["err_code"] == 10002
    assert await api.code("stop_camera", camera_id=77) == 1010
    assert await api.code("start_camera") == 1010


async def test_filters(api: Api, agent: ScriptedAgent) -> None:
    first, second = await add(api, agent), await add(api, agent, camera_name="二班")
    assert [row["camera_id"] for row in (await api.ok("list_camera"))["data"]] == [second, first]
    assert [row["camera_id"] for row in (await api.ok("list_camera", camera_id=first))["data"]] == [first]
    assert (await api.ok("list_camera", gather_id=agent.gather_id + 1))["data"] == []


async def test_the_id_of_a_deleted_channel_is_not_given_again(api: Api, agent: ScriptedAgent) -> None:
    first = await add(api, agent)
    await api.ok("del_camera", camera_id=first)
    assert await add(api, agent) > first


async def test_delete_takes_everything_with_it(api: Api, agent: ScriptedAgent, tmp_path: Path) -> None:
    camera_id, other = await add(api, agent), await add(api, agent)
    names = {}
    for each in (camera_id, other):
        names[each] = stem(each, uid=each)
        status, stored = await agent.put(names[each] + ".mp4", b"media")
        assert status == 200
        assert (await agent.post("records", record(names[each], stored)))[0] == 200
        await agent.put(names[each] + ".jpg", JPEG)
        await agent.put(f"live_{each}.jpg", JPEG)
    folder = tmp_path / "server"
    assert len([path for path in folder.rglob("*") if path.suffix in (".mp4", ".jpg")]) == 6
    async with agent.relay():
        await api.ok("del_camera", camera_id=f"{camera_id},555")
        assert [command["cmd"] for command in agent.commands] == ["del_camera"]
    assert [row["camera_id"] for row in (await api.ok("list_camera"))["data"]] == [other]
    assert [row["camera_id"] for row in (await api.ok("list_record"))["data"]] == [other]
    await api.server._services.sweeper.idle()
    assert len([path for path in folder.rglob("*") if path.suffix in (".mp4", ".jpg")]) == 3
    assert (folder / "recordings" / "2026-11-24" / (names[other] + ".mp4")).is_file()


async def test_a_plus_of_base64_may_come_as_it_is(api: Api, agent: ScriptedAgent) -> None:
    camera_id = await add(api, agent)
    given = f"token={api.token}&camera_id={camera_id}&camera_name=a+b&device_pass=ab+c/d=="
    async with api.http.get(yarl.URL(f"{api.server.url}/api/v1/mod_camera?{given}", encoded=True)) as response:
        assert (await response.json())["err_code"] == 0
    row = (await api.ok("list_camera"))["data"][0]
    assert (row["camera_name"], row["device_pass"]) == ("a b", "ab+c/d==")
