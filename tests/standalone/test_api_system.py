"""3.1, 3.2, and what holds for every endpoint beyond `conformance`: names, tokens in time."""

from __future__ import annotations

import aiohttp

from agent import __version__
from agent.standalone.server import EmbeddedServer
from agent.standalone.store.tokens import TOKEN_SECONDS
from tests.standalone.helpers import Api, FakeClock, set_up


async def test_version(api: Api) -> None:
    answer = await api.call("version")
    assert answer["API"] == "v1"
    assert answer["Name"] == "云录播"
    assert answer["Version"] == __version__
    assert answer["Server"].startswith("Linux ")
    assert answer["TimeZone"] == "Asia/Shanghai"


async def test_token_for_the_credential(api: Api) -> None:
    answer = await api.call("access_token", unionid=api.server.credential)
    assert (answer["err_code"], answer["err_msg"], answer["expires"]) == (0, "OK", TOKEN_SECONDS)
    api.token = answer["token"]
    await api.ok("list_school")


async def test_replaced_credential_is_1003_and_its_tokens_end(api: Api) -> None:
    former = api.server.credential
    api.server.replace_credential()
    assert api.server.credential != former
    answer = await api.call("access_token", unionid=former)
    assert (answer["err_code"], answer["err_msg"]) == (1003, "unionid 对应的帐号没有接口访问权限")
    answer = await api.get("list_school")
    assert (answer["err_code"], answer["err_msg"]) == (1007, "凭证已过期，请重新获取")
    await api.sign_in()
    await api.ok("list_school")


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
    for cookie in api.http.cookie_jar:
        api.token = cookie.value
        assert await api.code("list_school") == 1006


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
