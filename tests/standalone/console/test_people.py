"""Users: added, changed, locked out; and somebody who can administer always remains."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from agent.standalone.server import EmbeddedServer
from agent.standalone.store.schema import Account, Audit, ConsoleSession
from tests.standalone.helpers import OWNER, do, set_up, sign_in

SECOND = {"name": "Second", "password": "second password", "again": "second password"}
NEW = {"password": "another password", "again": "another password"}


async def ids(server: EmbeddedServer) -> dict[str, int]:
    def read(session: Any) -> dict[str, int]:
        return {account.name: account.account_id for account in session.query(Account)}

    return await server._services.database.run(read)


async def is_in(server: EmbeddedServer, http: aiohttp.ClientSession) -> bool:
    async with http.get(server.url) as response:
        return '<main id="live"' in await response.text()


@pytest.fixture
async def owner(server: EmbeddedServer, http: aiohttp.ClientSession) -> int:
    """The id of the owner, who is signed in."""
    await set_up(server, http)
    return (await ids(server))["Owner"]


@pytest.fixture
async def other() -> Any:
    """Another browser."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


@pytest.mark.parametrize(
    "values", [{"role": "viewer"}, {"disabled": 1}, {"role": "viewer", "disabled": 0}, {"disabled": "1", "role": ""}]
)
async def test_the_last_administrator_stays(
    server: EmbeddedServer, http: aiohttp.ClientSession, owner: int, values: dict[str, Any]
) -> None:
    await do(server, http, "add_user", role="viewer", **SECOND)
    refused = await do(server, http, "mod_user", account_id=owner, **values)
    assert refused["err_code"] == 20001 and "最后一个" in refused["sentence"]
    assert (await do(server, http, "del_user", account_id=owner))["err_code"] == 20001
    second = (await ids(server))["Second"]
    await do(server, http, "mod_user", account_id=second, role="administrator")
    await do(server, http, "mod_user", account_id=second, disabled=1)
    assert (await do(server, http, "del_user", account_id=owner))["err_code"] == 20001, "a disabled one does not count"
    await do(server, http, "mod_user", account_id=second, disabled=0)
    assert (await do(server, http, "mod_user", account_id=owner, **values))["err_code"] == 0


@pytest.mark.parametrize("change", [{"disabled": 1}, {"role": "viewer"}, NEW, None])
async def test_whose_rights_change_is_signed_out_everywhere(
    server: EmbeddedServer,
    http: aiohttp.ClientSession,
    other: aiohttp.ClientSession,
    owner: int,
    change: dict[str, Any] | None,
) -> None:
    await do(server, http, "add_user", role="administrator", **SECOND)
    assert await sign_in(server, other, name="Second", password=SECOND["password"]) == 303
    assert await is_in(server, other)
    second = (await ids(server))["Second"]
    if change is None:
        assert (await do(server, http, "del_user", account_id=second))["err_code"] == 0
    else:
        assert (await do(server, http, "mod_user", account_id=second, **change))["err_code"] == 0
    assert not await is_in(server, other)
    assert await is_in(server, http)
    status = await sign_in(server, other, name="Second", password=SECOND["password"])
    assert status == (303 if change == {"role": "viewer"} else 403)


async def test_the_own_password_needs_the_present_one_and_ends_the_other_sessions(
    server: EmbeddedServer, http: aiohttp.ClientSession, other: aiohttp.ClientSession, owner: int
) -> None:
    assert await sign_in(server, other) == 303
    wrong = await do(server, http, "change_password", former_password="guess", **NEW)
    assert (wrong["err_code"], wrong["field"]) == (20001, "former_password")
    assert await is_in(server, other)
    right = await do(server, http, "change_password", former_password=OWNER["password"], **NEW)
    assert right["err_code"] == 0
    assert await is_in(server, http) and not await is_in(server, other)
    assert await sign_in(server, other) == 403
    assert await sign_in(server, other, password=NEW["password"]) == 303


async def test_the_own_password_cannot_be_set_as_somebody_elses(
    server: EmbeddedServer, http: aiohttp.ClientSession, owner: int
) -> None:
    assert (await do(server, http, "mod_user", account_id=owner, **NEW))["err_code"] == 20001
    assert await sign_in(server, http) == 303


async def test_own_sessions_can_be_ended_and_nobody_elses(
    server: EmbeddedServer, http: aiohttp.ClientSession, other: aiohttp.ClientSession, owner: int
) -> None:
    await do(server, http, "add_user", role="viewer", **SECOND)
    await sign_in(server, other, name="Second", password=SECOND["password"])

    def read(session: Any) -> dict[int, int]:
        return {row.account_id: row.session_id for row in session.query(ConsoleSession)}

    sessions = await server._services.database.run(read)
    mine, theirs = sessions[owner], sessions[(await ids(server))["Second"]]
    assert (await do(server, http, "end_session", session_id=theirs))["err_code"] == 20001
    assert await is_in(server, other)
    assert (await do(server, other, "end_session", session_id=mine))["err_code"] == 20001
    assert (await do(server, other, "end_session", session_id=theirs))["err_code"] == 0
    assert not await is_in(server, other) and await is_in(server, http)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "owner"}, "name"),
        ({"name": "ＯＷＮＥＲ"}, "name"),
        ({"name": "\u200b"}, "name"),
        ({"role": "root"}, "role"),
        ({"password": "short"}, "password"),
        ({"again": "something else"}, "again"),
    ],
)
async def test_what_is_no_new_user(
    server: EmbeddedServer, http: aiohttp.ClientSession, owner: int, values: dict[str, str], field: str
) -> None:
    answer = await do(server, http, "add_user", **{"role": "viewer", **SECOND, **values})
    assert (answer["err_code"], answer["field"]) == (20001, field)
    assert set(await ids(server)) == {"Owner"}


async def test_passwords_are_kept_as_argon2id_and_stand_in_no_list(
    server: EmbeddedServer, http: aiohttp.ClientSession, owner: int
) -> None:
    await do(server, http, "add_user", role="viewer", **SECOND)

    def read(session: Any) -> tuple[list[str], str]:
        return [one.password_hash for one in session.query(Account)], str(
            [(row.what, row.about) for row in session.query(Audit)]
        )

    hashes, audit = await server._services.database.run(read)
    assert len(set(hashes)) == 2 and all(one.startswith("$argon2id$v=19$") for one in hashes)
    assert "add_user" in audit and SECOND["password"] not in audit
    assert SECOND["password"].encode() not in server._services.settings.database_file.read_bytes()


async def test_who_changed_what_is_kept(server: EmbeddedServer, http: aiohttp.ClientSession, owner: int) -> None:
    await do(server, http, "add_subject", subject_name="天文")
    await do(server, http, "add_subject", subject_name="")
    async with http.get(f"{server.url}/console/changes", headers={"Accept-Language": "en"}) as response:
        text = await response.text()
    assert "天文" in text and "Owner" in text and "127.0.0.1" in text
    assert text.count("Add a subject") == 1, "what failed changed nothing"
