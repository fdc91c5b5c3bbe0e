"""The console's door: the first owner, signing in and out, sessions, and what is not let in."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from agent.standalone.console import accounts, passwords
from agent.standalone.console.access import ATTEMPTS, COOKIE, WINDOW_SECONDS
from agent.standalone.console.door import DOOR, MOST_BY_NAME, is_own_path
from agent.standalone.server import EmbeddedServer
from tests.standalone.helpers import OWNER, FakeClock, form_token, set_up, sign_in

FRESH = {"name": "Owner", "password": "correct horse battery", "again": "correct horse battery"}


async def shown(server: EmbeddedServer, http: aiohttp.ClientSession, path: str = "/") -> str:
    async with http.get(server.url + path) as response:
        return await response.text()


async def is_in(server: EmbeddedServer, http: aiohttp.ClientSession) -> bool:
    return '<main id="live"' in await shown(server, http)


async def sent(
    server: EmbeddedServer, http: aiohttp.ClientSession, what: str, data: dict[str, Any], **headers: str
) -> tuple[int, str]:
    url = f"{server.url}/console/{what}"
    async with http.post(url, data=data, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text()


async def test_the_first_run_makes_an_owner_once(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    assert "/console/set-up" in await shown(server, http)
    assert (await sent(server, http, "sign-in", OWNER))[0] == 403
    assert await set_up(server, http) == 303
    assert await is_in(server, http)
    http.cookie_jar.clear()
    assert "/console/sign-in" in await shown(server, http)
    status, text = await sent(server, http, "set-up", FRESH | {"name": "Intruder"})
    assert status == 409 and "/console/sign-in" in text
    assert await sign_in(server, http, name="Intruder") == 403
    assert await sign_in(server, http) == 303


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": " "}, "1 到 64"),
        ({"name": "x" * 65}, "1 到 64"),
        ({"name": "a\u202eb"}, "1 到 64"),
        ({"password": "123456789", "again": "123456789"}, "10 到 200"),
        ({"password": "x" * 201, "again": "x" * 201}, "10 到 200"),
        ({"name": "headmaster", "password": "HeadMaster", "again": "HeadMaster"}, "10 到 200"),
        ({"again": "correct horse batterx"}, "不一致"),
    ],
)
async def test_what_makes_no_owner(
    server: EmbeddedServer, http: aiohttp.ClientSession, wrong: dict[str, str], says: str
) -> None:
    status, text = await sent(server, http, "set-up", FRESH | wrong)
    assert status == 400 and says in text
    assert "correct horse" not in text, "a password is never sent back"
    assert not await is_in(server, http)


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"X-Forwarded-For": "10.0.0.7"}, {"Via": "1.1 proxy"}])
async def test_from_elsewhere_only_the_code_of_the_terminal_makes_an_owner(
    server: EmbeddedServer, http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    for code in ("", "AAAA-BBBB-CCCC"):
        status, text = await sent(server, http, "set-up", FRESH | {"code": code}, **headers)
        assert status == 403 and 'name="code"' in text
    assert (await sent(server, http, "set-up", FRESH | {"code": server.set_up_code.lower()}, **headers))[0] == 303


async def test_the_code_cannot_be_guessed(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    elsewhere = {"X-Forwarded-For": "10.0.0.7"}
    for _ in range(ATTEMPTS):
        assert (await sent(server, http, "set-up", FRESH | {"code": "x"}, **elsewhere))[0] == 403
    assert (await sent(server, http, "set-up", FRESH | {"code": server.set_up_code}, **elsewhere))[0] == 429


async def test_no_secret_opens_the_console_but_a_password(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await set_up(server, http)
    http.cookie_jar.clear()
    for wrong in (server.credential, server.enrol_key, "", OWNER["password"] + " ", OWNER["password"].upper()):
        assert await sign_in(server, http, password=wrong) == 403
    assert await sign_in(server, http, name=" oWNer") == 303


async def test_after_a_wrong_password_the_right_one_leads_where_one_wanted(
    server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    await set_up(server, http)
    http.cookie_jar.clear()
    for path in ("/", "/console/users"):
        page = await shown(server, http, path)
        for password, status in (("wrong", 403), (OWNER["password"], 303)):
            (wanted,) = re.findall(r'name="next" value="([^"]*)"', page)
            data = {**OWNER, "password": password, "next": wanted}
            async with http.post(f"{server.url}/console/sign-in", data=data, allow_redirects=False) as response:
                assert response.status == status
                page = await response.text()
        assert response.headers["Location"] == path
        http.cookie_jar.clear()


async def test_the_cookie(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await set_up(server, http)
    async with http.post(f"{server.url}/console/sign-in", data=OWNER, allow_redirects=False) as response:
        cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie, "plain HTTP on loopback"


async def test_a_session_ends_when_nothing_is_heard_of_it_and_at_the_latest_after_two_weeks(
    server: EmbeddedServer, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    await set_up(server, http)
    clock.now += accounts.IDLE_SECONDS - 1
    assert await is_in(server, http)
    clock.now += accounts.IDLE_SECONDS - 1
    assert await is_in(server, http), "it was used meanwhile"
    clock.now += accounts.IDLE_SECONDS + 1
    assert not await is_in(server, http)
    assert await sign_in(server, http) == 303
    for _ in range(int(accounts.LONGEST_SECONDS / accounts.IDLE_SECONDS * 2) - 1):
        clock.now += accounts.IDLE_SECONDS / 2
        assert await is_in(server, http)
    clock.now += accounts.IDLE_SECONDS / 2
    assert not await is_in(server, http)


async def test_attempts_from_one_address_are_limited(
    server: EmbeddedServer, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    await set_up(server, http)
    http.cookie_jar.clear()
    for number in range(ATTEMPTS):
        assert await sign_in(server, http, name=f"nobody {number}") == 403
    assert await sign_in(server, http) == 429
    clock.now += WINDOW_SECONDS
    assert await sign_in(server, http) == 303


async def test_attempts_on_one_name_are_limited_wherever_they_come_from(
    server: EmbeddedServer, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    await set_up(server, http)
    http.cookie_jar.clear()
    assert server._runner is not None and server._runner.server is not None
    door = server._runner.app[DOOR]
    for number in range(MOST_BY_NAME):
        door.by_address._failed.clear()  # as if each came from another address
        assert await sign_in(server, http, name=" OWNER", password=f"wrong {number}") == 403
    door.by_address._failed.clear()
    assert await sign_in(server, http) == 429
    assert await sign_in(server, http, name="somebody else") == 403
    clock.now += WINDOW_SECONDS
    assert await sign_in(server, http) == 303


async def test_many_attempts_at_once_are_no_more_than_many_one_after_the_other(
    server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    await set_up(server, http)
    http.cookie_jar.clear()
    wrong = [sign_in(server, http, password=f"wrong {number}") for number in range(4 * ATTEMPTS)]
    answers = await asyncio.gather(*wrong)
    assert sorted(answers) == [403] * ATTEMPTS + [429] * (3 * ATTEMPTS)


async def test_who_guesses_at_a_name_does_not_lock_out_a_browser_that_is_known(
    server: EmbeddedServer, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    await set_up(server, http)
    await sent(server, http, "sign-out", {"form_token": await form_token(server, http)})
    async with aiohttp.ClientSession() as stranger:
        for number in range(ATTEMPTS):
            assert await sign_in(server, stranger, password=f"wrong {number}") == 403
        assert await sign_in(server, stranger) == 429
        assert await sign_in(server, http) == 303, "from the same address, by the browser that was in before"
        assert await sign_in(server, stranger) == 429, "which is nothing to the stranger"
    for number in range(ATTEMPTS):
        assert await sign_in(server, http, password=f"wrong {number}") == 403
    assert await sign_in(server, http) == 429, "it has no more attempts than an address"
    assert await sign_in(server, http, name="Nobody", password="x") == 429, "and is known for its own account only"
    clock.now -= 86_400.0
    assert await sign_in(server, http) == 303, "a clock that is put back locks nobody out for a day"


async def test_signing_in_again_ends_the_session_before(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    await set_up(server, http)
    (former,) = [f"{one.key}={one.value}" for one in http.cookie_jar if one.key == COOKIE]
    assert await sign_in(server, http) == 303
    async with aiohttp.ClientSession() as thief, thief.get(server.url, headers={"Cookie": former}) as response:
        assert '<main id="live"' not in await response.text()
    assert await is_in(server, http)


async def test_behind_a_proxy_nobody_sits_at_this_machine(server: EmbeddedServer) -> None:
    """A proxy that adds no header of its own: nginx as it is, before 1.29.7, speaks HTTP/1.0 and names us as host."""
    host, port = server.url.removeprefix("http://").split(":")
    body = urlencode(FRESH).encode()
    head = f"POST /console/set-up HTTP/1.0\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n"
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode() + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + body)
    assert b" 403 " in await asyncio.wait_for(reader.readline(), 30)
    writer.close()


async def test_a_name_that_nobody_has_takes_the_same_work(
    server: EmbeddedServer, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_up(server, http)
    verified: list[str] = []
    verify = passwords._verify

    def watched(password_hash: str, password: str) -> bool:
        verified.append(password_hash)
        return verify(password_hash, password)

    monkeypatch.setattr(passwords, "_verify", watched)
    names = ("Owner", "Nobody")
    answers = [await sent(server, http, "sign-in", {"name": name, "password": "x"}) for name in names]
    assert len(verified) == 2 and all(one.startswith("$argon2id$") for one in verified)
    first, second = (re.sub('value="(Owner|Nobody)"', "", text) for _, text in answers)
    assert answers[0][0] == answers[1][0] == 403 and first == second


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({}, 303),
    ],
)
async def test_forms_of_other_sites(
    server: EmbeddedServer, http: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    assert (await sent(server, http, "set-up", FRESH, **headers))[0] == status
    if status == 403:
        await set_up(server, http)
    assert (await sent(server, http, "sign-in", OWNER, **headers))[0] == status


async def test_sign_out_needs_the_forms_token_and_ends_the_session(
    server: EmbeddedServer, http: aiohttp.ClientSession
) -> None:
    await set_up(server, http)
    (cookie,) = [f"{one.key}={one.value}" for one in http.cookie_jar if one.key == COOKIE]
    await sent(server, http, "sign-out", {"form_token": "x"})
    assert await is_in(server, http)
    await sent(server, http, "sign-out", {"form_token": await form_token(server, http)})
    assert not await is_in(server, http)
    async with http.get(server.url, headers={"Cookie": cookie}) as response:
        assert '<main id="live"' not in await response.text(), "the cookie opens nothing any more, wherever it is kept"


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/console/recorders", True),
        ("/console/recorders?gather_id=3", True),
        ("", False),
        ("/", False),
        ("//evil.example/console/", False),
        ("https://evil.example/console/", False),
        ("/\\evil.example/console/", False),
        ("/console/\nX: y", False),
        ("javascript:alert(1)", False),
        ("/play/camera/x", False),
    ],
)
def test_where_a_form_may_send_to(path: str, ours: bool) -> None:
    assert is_own_path(path) is ours
