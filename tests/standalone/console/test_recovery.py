"""A forgotten password, on the server's own machine."""

from __future__ import annotations

import io
import time
from pathlib import Path

import aiohttp
import pytest

from agent.cli import main
from agent.standalone.recovery import NoSuchAccount, reset_password
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings, SettingsError
from tests.standalone.helpers import OWNER, do, set_up, sign_in

NEW = "a new password for it"


async def is_in(server: EmbeddedServer, http: aiohttp.ClientSession) -> bool:
    async with http.get(server.url) as response:
        return '<main id="live"' in await response.text()


async def test_a_new_password_while_the_server_runs(
    server: EmbeddedServer, http: aiohttp.ClientSession, settings: ServerSettings
) -> None:
    await set_up(server, http)
    assert await reset_password(settings, "", lambda _name: NEW) == "Owner"
    assert not await is_in(server, http), "whoever was signed in is not any more"
    assert await sign_in(server, http) == 403
    assert await sign_in(server, http, password=NEW) == 303


async def test_it_lets_a_disabled_account_in_again(
    server: EmbeddedServer, http: aiohttp.ClientSession, settings: ServerSettings
) -> None:
    await set_up(server, http)
    second = await do(server, http, "add_user", name="Second", role="administrator", password=NEW, again=NEW)
    await do(server, http, "mod_user", account_id=second["account_id"], disabled=1)
    with pytest.raises(NoSuchAccount, match="Owner, Second"):
        await reset_password(settings, "", lambda _name: NEW)
    with pytest.raises(NoSuchAccount):
        await reset_password(settings, "Third", lambda _name: NEW)
    await reset_password(settings, "second", lambda _name: NEW + "!")
    assert await sign_in(server, http, name="Second", password=NEW + "!") == 303


async def test_before_there_is_anybody_it_makes_the_owner(
    server: EmbeddedServer, http: aiohttp.ClientSession, settings: ServerSettings
) -> None:
    with pytest.raises(NoSuchAccount):
        await reset_password(settings, "", lambda _name: NEW)
    assert await reset_password(settings, "Head", lambda _name: NEW) == "Head"
    assert await set_up(server, http) == 409, "the first run is over"
    assert await sign_in(server, http, name="Head", password=NEW) == 303
    assert (await do(server, http, "add_subject", subject_name="x"))["err_code"] == 0


async def test_where_no_server_is(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no server"):
        await reset_password(ServerSettings(data_dir=tmp_path), "", lambda _name: NEW)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(tmp_path), "--lang", "en"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{NEW}\n"))
    assert main(["password", *home]) == 73
    assert "holds no server" in capsys.readouterr().err
    EmbeddedServer(ServerSettings(data_dir=tmp_path / "server"), time.time)  # makes its secrets
    assert main(["password", *home]) == 64
    assert "becomes the owner" in capsys.readouterr().err
    assert main(["password", "Head", *home]) == 0
    assert capsys.readouterr().out.startswith("Head signs in with the new password")
    for line, code in (("short\n", 64), ("HEAD\n", 64), (OWNER["password"] + "\n", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(line))
        assert main(["password", *home]) == code
