"""Changes that people make: the work, codes and agents of API v1, and who may not."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from yarl import URL

from agent.standalone.api.dispatch import TABLE
from agent.standalone.api.envelope import MESSAGES, Err
from agent.standalone.console.sentences import AGENT, ENGLISH, of_transmit
from agent.standalone.server import EmbeddedServer
from agent.wire.codes import Code
from tests.standalone.helpers import Api, ScriptedAgent, do, form_token, set_up, sign_in

CHANNEL: dict[str, Any] = {"camera_name": "一班", "grade_id": 5, "stream_prop": 1, "stream_mp4": "/v/film.mp4"}
VIEWER = {"name": "Viewer", "password": "only looks at it", "again": "only looks at it", "role": "viewer"}


async def as_viewer(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await set_up(server, http)
    assert (await do(server, http, "add_user", **VIEWER))["err_code"] == 0
    assert await sign_in(server, http, name=VIEWER["name"], password=VIEWER["password"]) == 303


async def posted(
    server: EmbeddedServer, http: aiohttp.ClientSession, what: str, body: Any, **headers: str
) -> tuple[int, dict[str, Any]]:
    async with http.post(f"{server.url}/console/do/{what}", json=body, headers=headers) as response:
        return response.status, await response.json()


async def test_a_change_is_the_one_of_api_v1_and_reaches_the_agent(api: Api, agent: ScriptedAgent) -> None:
    await set_up(api.server, api.http)
    async with agent.relay():
        answer = await do(api.server, api.http, "add_camera", gather_id=agent.gather_id, **CHANNEL)
        assert answer["err_code"] == 0 and answer["agent"] == {
            "done": True,
            "err_code": 0,
            "sentence": "采集端已执行。",
        }
        assert [command["cmd"] for command in agent.commands] == ["add_camera"]
        agent.reply = lambda _cmd, _data: {"err_code": 10106, "err_msg": "the disk is full"}
        told = await do(api.server, api.http, "start_camera", camera_id=answer["camera_id"])
        assert told["err_code"] == 0 and not told["agent"]["done"]
        assert told["agent"]["sentence"] == "采集端执行命令失败。 (the disk is full)"
    (row,) = (await api.ok("list_camera"))["data"]
    assert (row["camera_id"], row["camera_name"], row["stream_mp4"]) == (answer["camera_id"], "一班", "/v/film.mp4")


async def test_an_agent_that_is_away_gets_it_later_and_people_are_told_so(api: Api, agent: ScriptedAgent) -> None:
    await set_up(api.server, api.http)
    answer = await do(api.server, api.http, "add_camera", gather_id=agent.gather_id, **CHANNEL)
    assert answer["err_code"] == 0 and answer["agent"]["err_code"] == Code.AGENT_OFFLINE
    assert "离线" in answer["agent"]["sentence"]


@pytest.mark.parametrize(
    ("what", "values", "code", "field"),
    [
        ("add_school", {}, 1008, "name"),
        ("add_school", {"name": "x"}, 1009, "addr"),
        ("mod_school", {"school_id": 99, "name": "x", "addr": "y"}, 1010, "school_id"),
        ("add_camera", {**CHANNEL, "gather_id": 1, "stream_mp4": ""}, 1008, "stream_mp4"),
        ("add_camera", {**CHANNEL, "gather_id": 77}, 1010, "gather_id"),
        ("add_camera", {**CHANNEL, "gather_id": 1, "grade_id": "x"}, 1010, "grade_id"),
        ("add_device", {"camera_name": "x", "gather_id": 1, "grade_id": 5}, 1009, "device_ip"),
    ],
)
async def test_codes_messages_and_the_field_at_fault(
    api: Api, agent: ScriptedAgent, what: str, values: dict[str, Any], code: int, field: str
) -> None:
    await set_up(api.server, api.http)
    answer = await do(api.server, api.http, what, **values)
    assert (answer["err_code"], answer["field"]) == (code, field)
    assert answer["sentence"] == answer["err_msg"], "Chinese pages say what the document says"
    if what in TABLE:
        same = await api.get(what, **values)
        assert (same["err_code"], same["err_msg"]) == (answer["err_code"], answer["err_msg"])
    api.http.cookie_jar.update_cookies({"gather_lang": "en"}, response_url=URL(api.server.url))
    english = await do(api.server, api.http, what, **values)
    assert english["err_msg"] == answer["err_msg"] and english["sentence"] == ENGLISH[code]


def test_every_code_has_a_sentence_in_both_languages() -> None:
    assert set(ENGLISH) == set(MESSAGES) == set(Err)
    assert set(AGENT) == set(Code)
    assert of_transmit("", "en") is None
    odd = of_transmit('{"err_code": 31337, "err_msg": "news from the future"}', "en")
    assert odd == {"done": False, "err_code": 31337, "sentence": "news from the future"}


async def test_an_ipc_channel_can_be_added(api: Api, agent: ScriptedAgent) -> None:
    await set_up(api.server, api.http)
    device = {"device_ip": "10.0.0.9", "device_user": "admin", "device_pass": "c2VjcmV0", "device_twice": 1}
    async with agent.relay():
        answer = await do(
            api.server, api.http, "add_device", gather_id=agent.gather_id, grade_id=5, camera_name="报告厅", **device
        )
        assert answer["err_code"] == 0
        (command,) = agent.commands
    assert command["cmd"] == "add_camera"
    assert {name: command["data"][name] for name in device} == device
    assert command["data"]["stream_prop"] == 0
    assert "add_device" not in TABLE, "it is none of API v1's"


async def test_without_a_session_nothing_is_done(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await set_up(server, http)
    token = await form_token(server, http)
    http.cookie_jar.clear()
    status, answer = await posted(server, http, "add_subject", {"subject_name": "x"}, **{"X-Form-Token": token})
    assert (status, answer["err_code"]) == (401, 1004)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Form-Token": "0" * 64},
        {"X-Form-Token": "right", "Sec-Fetch-Site": "cross-site"},
        {"X-Form-Token": "right", "Origin": "http://evil.example"},
    ],
)
async def test_only_a_page_of_this_session_may(api: Api, headers: dict[str, str]) -> None:
    server, http = api.server, api.http
    await set_up(server, http)
    if headers.get("X-Form-Token") == "right":
        headers = headers | {"X-Form-Token": await form_token(server, http)}
    status, answer = await posted(server, http, "add_subject", {"subject_name": "Sabotage"}, **headers)
    assert (status, answer["err_code"]) == (403, 1006)
    assert "Sabotage" not in [row["subject_name"] for row in (await api.ok("list_subject", per=100))["data"]]


async def test_the_token_of_one_session_is_no_good_for_another(
    server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    await set_up(server, http)
    token = await form_token(server, http)
    await sign_in(server, http)
    status, _ = await posted(server, http, "add_subject", {"subject_name": "x"}, **{"X-Form-Token": token})
    assert status == 403


async def test_viewers_change_nothing(api: Api, agent: ScriptedAgent) -> None:
    server, http = api.server, api.http
    await as_viewer(server, http)
    headers = {"X-Form-Token": await form_token(server, http)}
    own = ["add_device", "add_user", "mod_user", "del_user", "test_camera"]
    own += ["replace_credential", "replace_enrol_key", "revoke_gather", "revoke_token", "revoke_tokens"]
    changing = [name for name in TABLE if name.startswith(("add_", "mod_", "del_", "start_", "stop_"))]
    assert len(changing) == 19
    for name in changing + own:
        status, answer = await posted(server, http, name, {"account_id": 1, "gather_id": 1, "camera_id": 1}, **headers)
        assert (status, answer["err_code"]) == (403, 1003), name


@pytest.mark.parametrize(
    "name", ["list_camera", "list_school", "access_token", "get_camera_status", "nonsense", "../x"]
)
async def test_what_is_no_change_cannot_be_asked_for_here(
    server: EmbeddedServer, http: aiohttp.ClientSession, name: str
) -> None:
    await set_up(server, http)
    headers = {"X-Form-Token": await form_token(server, http)}
    async with http.post(f"{server.url}/console/do/{name}", json={}, headers=headers) as response:
        assert response.status == 404


@pytest.mark.parametrize("body", ["[1]", "{", '"x"', "null"])
async def test_a_body_that_is_no_object(server: EmbeddedServer, http: aiohttp.ClientSession, body: str) -> None:
    await set_up(server, http)
    headers = {"X-Form-Token": await form_token(server, http), "Content-Type": "application/json"}
    async with http.post(f"{server.url}/console/do/add_subject", data=body, headers=headers) as response:
        assert response.status == 400 and (await response.json())["err_code"] == 1010


async def test_a_plain_form_works_as_well(api: Api) -> None:
    await set_up(api.server, api.http)
    data = {"subject_name": "天文", "form_token": await form_token(api.server, api.http)}
    async with api.http.post(f"{api.server.url}/console/do/add_subject", data=data) as response:
        answer = await response.json()
    assert answer["err_code"] == 0
    assert (await api.ok("list_subject"))["data"][0]["subject_name"] == "天文"


async def test_json_values_mean_what_they_mean_in_an_address(api: Api) -> None:
    await set_up(api.server, api.http)
    ids = [(await do(api.server, api.http, "add_subject", subject_name=name))["subject_id"] for name in ("甲", "乙\0")]
    assert (await do(api.server, api.http, "del_subject", subject_id=ids))["err_code"] == 0
    left = [row["subject_id"] for row in (await api.ok("list_subject", per=100))["data"]]
    assert not set(ids) & set(left)
