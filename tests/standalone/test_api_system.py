"""3.1, 3.2, and what holds for every endpoint: method, name, token."""

from __future__ import annotations

import aiohttp

from agent import __version__
from agent.standalone.api.dispatch import ENDPOINTS
from agent.standalone.keys import TOKEN_SECONDS
from agent.standalone.server import EmbeddedServer
from tests.standalone.helpers import Api, FakeClock, set_up

DOCUMENTED = {
    *(
        "version",
        "access_token",
        "list_school",
        "add_school",
        "mod_school",
        "del_school",
        "list_subject",
        "add_subject",
    ),
    *("mod_subject", "del_subject", "list_grade", "list_teacher", "add_teacher", "mod_teacher", "del_teacher"),
    *("list_gather", "mod_gather", "list_camera", "add_camera", "mod_camera", "del_camera", "get_camera_status"),
    *("start_camera", "stop_camera", "list_record", "del_record", "list_course", "add_course", "mod_course"),
    *("del_course", "play_camera", "play_record"),
}
NEED_TOKEN = sorted(DOCUMENTED - {"version", "access_token"})


def test_every_documented_endpoint_is_there() -> None:
    assert len(DOCUMENTED) == 32
    assert {endpoint.name for endpoint in ENDPOINTS} == DOCUMENTED


async def test_version(both: Api) -> None:
    answer = await both.call("version")
    assert answer["API"] == "v1"
    assert answer["Name"] == "云录播"
    assert answer["Version"] == __version__
    assert answer["Server"].startswith("Linux ")
    assert answer["TimeZone"] == "Asia/Shanghai"


async def test_token_for_the_credential(both: Api) -> None:
    answer = await both.call("access_token", unionid=both.server.credential)
    assert (answer["err_code"], answer["err_msg"], answer["expires"]) == (0, "OK", TOKEN_SECONDS)
    both.token = answer["token"]
    await both.ok("list_school")


async def test_what_is_no_credential_is_1001(both: Api) -> None:
    for params in ({}, *({"unionid": text} for text in ("", "not hex", "ab" * 15, "AB" * 16))):
        answer = await both.call("access_token", **params)
        assert (answer["err_code"], answer["err_msg"]) == (1001, "无效的 unionid"), params


async def test_unknown_credential_is_1002(both: Api) -> None:
    answer = await both.call("access_token", unionid="0" * 32)
    assert (answer["err_code"], answer["err_msg"]) == (1002, "没有找到 unionid 指定的帐号")


async def test_replaced_credential_is_1003_and_its_tokens_end(both: Api) -> None:
    former = both.server.credential
    both.server.replace_credential()
    assert both.server.credential != former
    answer = await both.call("access_token", unionid=former)
    assert (answer["err_code"], answer["err_msg"]) == (1003, "unionid 对应的帐号没有接口访问权限")
    answer = await both.get("list_school")
    assert (answer["err_code"], answer["err_msg"]) == (1007, "凭证已过期，请重新获取")
    await both.sign_in()
    await both.ok("list_school")


async def test_token_is_checked_before_everything_else(both: Api) -> None:
    forged = both.token[:-2] + ("AA" if both.token[-2:] != "AA" else "BB")
    for endpoint in NEED_TOKEN:
        without = await both.call(endpoint)
        assert (without["err_code"], without["err_msg"]) == (1004, "没有凭证，请确认参数"), endpoint
        wrong = await both.call(endpoint, token=forged)
        assert (wrong["err_code"], wrong["err_msg"]) == (1006, "解析 token 失败"), endpoint


async def test_empty_token_is_given_and_wrong(api: Api) -> None:
    assert (await api.call("list_school", token=""))["err_code"] == 1006


async def test_token_ends_after_7200_seconds(api: Api, clock: FakeClock) -> None:
    clock.now += TOKEN_SECONDS
    await api.ok("list_school")
    clock.now += 1
    assert await api.code("list_school") == 1007


async def test_token_cannot_be_extended(api: Api) -> None:
    payload, stamp, signature = api.token.split(".")
    later = ("B" if stamp[0] != "B" else "C") + stamp[1:]
    api.token = ".".join([payload, later, signature])
    assert await api.code("list_school") == 1006


async def test_a_console_session_is_no_token(api: Api) -> None:
    await set_up(api.server, api.http)
    (api.token,) = (cookie.value for cookie in api.http.cookie_jar)
    assert await api.code("list_school") == 1006


async def test_only_get(api: Api) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        async with api.http.request(method, api.url("list_school", {"token": api.token})) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "GET"
            if method != "HEAD":
                assert (await response.json())["err_code"] == 405


async def test_unknown_names(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    for name in ("", "nothing", "LIST_SCHOOL", "List_school", "list_school%20"):
        async with http.get(f"{server.url}/api/v1/{name}") as response:
            assert response.status == 404
            assert (await response.json())["err_code"] == 404


async def test_query_wins_over_path(api: Api) -> None:
    url = f"{api.server.url}/api/v1/list_grade/token/wrong/per/3?token={api.token}&per=4"
    async with api.http.get(url) as response:
        assert (await response.json())["per_page"] == 4


async def test_text_is_utf8_and_not_escaped(api: Api) -> None:
    async with api.http.get(api.url("list_school", {"token": api.token})) as response:
        assert "本校".encode() in await response.read()
