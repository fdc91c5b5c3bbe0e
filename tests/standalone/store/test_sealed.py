"""Secrets in the database: sealed there, clear in the program, gone without the key."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.standalone.store.sealed import Lost, Vault
from tests.standalone.helpers import Api, ScriptedAgent
from tests.standalone.test_api_cameras import add

PASSWORD = "c29tZSBwYXNzd29yZA=="
URL = "rtsp://admin:pass-in-url@10.0.0.7/1"


@given(st.text(max_size=300))
def test_what_is_sealed_comes_out_again(secret: str) -> None:
    vault = Vault(Vault.new_key())
    sealed = vault.seal(secret)
    assert vault.open(sealed) == secret
    assert (sealed == "") == (secret == "")
    assert not secret or sealed != vault.seal(secret), "the same secret looks different each time"


def test_another_key_opens_nothing_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    other = Vault(Vault.new_key())
    sealed = Vault(Vault.new_key()).seal("secret")
    with caplog.at_level(logging.ERROR):
        for lost in (other.open(sealed), other.open(sealed[:-4] + "AAAA"), other.open("never sealed")):
            assert isinstance(lost, Lost) and len(lost) == 0
            assert lost != "", "an empty secret that replaces it is a change"
    assert len(caplog.records) == 1 and "secrets.json" in caplog.text


async def test_cameras_passwords_lie_nowhere_in_the_servers_folder(
    api: Api, agent: ScriptedAgent, settings: ServerSettings
) -> None:
    camera_id = await add(api, agent, stream_prop=2, stream_url=URL)
    device = {"device_ip": "10.0.0.9", "device_user": "admin", "device_pass": PASSWORD}
    await api.ok("mod_camera", camera_id=camera_id, camera_name="x", **device)
    async with agent.relay():
        (camera,) = agent.syncs[-1]["cameras"]
    assert (camera["device_pass"], camera["stream_url"]) == (PASSWORD, URL), "the agent needs them"
    (row,) = (await api.ok("list_camera"))["data"]
    assert (row["device_pass"], row["stream_url"]) == (PASSWORD, URL), "as API v1 documents"
    await api.server.stop()
    for file in settings.data_dir.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert PASSWORD.encode() not in data and b"pass-in-url" not in data, file
    assert (settings.data_dir / "secrets.json").stat().st_mode & 0o777 == 0o600
    again = EmbeddedServer(settings, api.server._services.clock)
    await again.start()
    api.server = again
    try:
        await api.sign_in()
        (row,) = (await api.ok("list_camera"))["data"]
        assert row["device_pass"] == PASSWORD
    finally:
        await again.stop()


async def test_a_server_of_before_gets_a_key(settings: ServerSettings, server: EmbeddedServer) -> None:
    file = settings.data_dir / "secrets.json"
    former = file.read_text(encoding="utf-8")
    without = "\n".join(line for line in former.splitlines() if "sealing_key" not in line)
    await server.stop()
    file.write_text(without, encoding="utf-8")
    first, second = EmbeddedServer(settings), EmbeddedServer(settings)
    assert first.credential == second.credential == server.credential
    assert first._services.keys.sealing_key == second._services.keys.sealing_key
    for one in (first, second):
        await one.stop()


async def test_without_its_key_agents_keep_what_they_know(
    api: Api, agent: ScriptedAgent, settings: ServerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    camera_id = await add(api, agent, stream_prop=2, stream_url=URL)
    device = {"device_ip": "10.0.0.9", "device_pass": PASSWORD, "stream_prop": 0}
    await api.ok("mod_camera", camera_id=camera_id, camera_name="x", **device)
    await api.server.stop()
    (settings.data_dir / "secrets.json").unlink()
    caplog.clear()
    again = EmbeddedServer(replace(settings, port=int(api.server.url.rpartition(":")[2])), api.server._services.clock)
    await again.start()
    try:
        assert "put that one back" in caplog.text, "said at the start"
        with pytest.raises(ConnectionClosed) as closed:
            async with connect(agent.registered["relay_url"], additional_headers=agent.auth, proxy=None) as socket:
                await socket.send(json.dumps({"hello": {"gather_id": agent.gather_id}}))
                raise AssertionError(f"told {await socket.recv()!r}")
        assert closed.value.rcvd is not None and "secret" in closed.value.rcvd.reason
        assert "its password was sealed with another key" in caplog.text
        api.server = agent.server = again
        await api.sign_in()
        assert (await api.ok("list_camera"))["data"][0]["device_pass"] == ""
        await api.ok("mod_camera", camera_id=camera_id, camera_name="x", device_pass="")
        await api.ok("mod_camera", camera_id=camera_id, camera_name="x", stream_url="")
        async with agent.relay():
            assert agent.syncs[-1]["cameras"][0]["device_pass"] == ""
    finally:
        await again.stop()
