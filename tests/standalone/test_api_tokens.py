"""Access tokens of API v1 end one by one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from agent.standalone.settings import ServerSettings
from agent.standalone.store import tokens
from agent.standalone.store.tokens import TOKEN_SECONDS
from tests.standalone.helpers import Api, FakeClock, do, set_up


def rows(settings: ServerSettings) -> list[tuple[int, float, float, str, str]]:
    """What the database knows of open tokens."""
    with closing(sqlite3.connect(settings.database_file)) as database:
        query = "SELECT token_id, made, seen, address, program FROM api_token ORDER BY token_id"
        return database.execute(query).fetchall()


async def another(api: Api, program: str = "timetable sync/2.1") -> Api:
    """A second program, with a token of its own."""
    other = Api(api.http, api.server)
    url = other.url("access_token", {"unionid": api.server.credential})
    async with api.http.get(url, headers={"User-Agent": program}) as response:
        other.token = (await response.json())["token"]
    return other


async def test_one_is_revoked_and_the_other_goes_on(api: Api, settings: ServerSettings) -> None:
    other = await another(api)
    (first, *_), (second, *_, address, program) = rows(settings)
    assert (address, program) == ("127.0.0.1", "timetable sync/2.1")
    await set_up(api.server, api.http)
    assert (await do(api.server, api.http, "revoke_token", token_id=second))["err_code"] == 0
    answer = await other.get("list_school")
    assert (answer["err_code"], answer["err_msg"]) == (1007, "凭证已过期，请重新获取")
    await api.ok("list_school")
    assert [row[0] for row in rows(settings)] == [first]
    assert (await do(api.server, api.http, "revoke_token", token_id=second))["err_code"] == 1010


async def test_the_console_lists_them_and_ends_all(api: Api) -> None:
    other = await another(api, "<b>sync</b>")
    await set_up(api.server, api.http)
    async with api.http.get(f"{api.server.url}/console/api?lang=en") as response:
        text = await response.text()
    assert "<span>&lt;b&gt;sync&lt;/b&gt;</span>" in text
    assert "127.0.0.1 · made 10:00:00 · last used 10:00:00" in text
    assert text.count('data-do="revoke_token"') == 2
    assert (await do(api.server, api.http, "revoke_tokens"))["err_code"] == 0
    assert [(await one.get("list_school"))["err_code"] for one in (api, other)] == [1007, 1007]
    await api.sign_in()
    await api.ok("list_school")


async def test_a_revoked_one_changes_nothing_either(api: Api, settings: ServerSettings) -> None:
    await set_up(api.server, api.http)
    (token_id, *_) = rows(settings)[0]
    await do(api.server, api.http, "revoke_token", token_id=token_id)
    assert await api.code("add_school", name="x", addr="y") == 1007
    await api.sign_in()
    assert (await api.ok("list_school"))["total_num"] == 1


async def test_replacing_the_credential_leaves_none(api: Api, settings: ServerSettings) -> None:
    await set_up(api.server, api.http)
    assert (await do(api.server, api.http, "replace_credential"))["err_code"] == 0
    assert rows(settings) == []


async def test_use_is_noted_now_and_then_and_what_is_over_goes(
    api: Api, settings: ServerSettings, clock: FakeClock
) -> None:
    made = clock.now
    clock.now += 59
    await api.ok("list_school")
    assert rows(settings)[0][1:3] == (made, made)
    clock.now += 1
    await api.ok("list_school")
    assert rows(settings)[0][1:3] == (made, made + 60)
    clock.now = made + TOKEN_SECONDS + 1
    await api.sign_in()
    assert [row[1] for row in rows(settings)] == [clock.now]


async def test_of_too_many_the_oldest_end(api: Api, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_OPEN", 3)
    others = [await another(api) for _ in range(3)]
    assert len(rows(settings)) == 3
    assert await api.code("list_school") == 1007
    assert [await other.code("list_school") for other in others] == [0, 0, 0]
