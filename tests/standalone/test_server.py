"""Starting, stopping, starting again; settings that do not work."""

from __future__ import annotations

import socket
from pathlib import Path

import aiohttp
import pytest

from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings, SettingsError
from tests.standalone.helpers import Api, FakeClock, ScriptedAgent, record, stem
from tests.standalone.test_api_cameras import add
from tests.standalone.test_api_courses import course


async def test_a_restart_keeps_everything(
    settings: ServerSettings, clock: FakeClock, http: aiohttp.ClientSession
) -> None:
    server = EmbeddedServer(settings, clock)
    await server.start()
    assert server.first_run
    api = Api(http, server)
    await api.sign_in()
    agent = ScriptedAgent(server, http)
    await agent.register()
    camera_id = await add(api, agent)
    await api.ok("add_course", **course(camera_id))
    _, stored = await agent.put(stem(camera_id) + ".mp4", b"media")
    await agent.post("records", record(stem(camera_id), stored))
    before = [await api.ok(name) for name in ("list_gather", "list_camera", "list_record")]
    credential, enrol_key = server.credential, server.enrol_key
    await server.stop()

    again = EmbeddedServer(settings, clock)
    await again.start()
    assert not again.first_run
    assert (again.credential, again.enrol_key) == (credential, enrol_key)
    agent.server = api.server = again
    after = [await api.ok(name) for name in ("list_gather", "list_camera", "list_record")]
    assert [answer["data"] for answer in after] == [answer["data"] for answer in before]
    assert (await api.ok("list_course", camera_id=camera_id))["total_num"] == 1
    assert (await agent.post("status", {}))[0] == 200
    async with http.get(again.url + after[2]["data"][0]["file_fdfs"]) as response:
        assert await response.read() == b"media"
    await again.stop()


async def test_files_still_to_be_deleted_go_after_a_restart(
    settings: ServerSettings, clock: FakeClock, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer(settings, clock)
    await server.start()
    api = Api(http, server)
    await api.sign_in()
    agent = ScriptedAgent(server, http)
    await agent.register()
    camera_id = await add(api, agent)
    _, stored = await agent.put(stem(camera_id) + ".mp4", b"media")
    await agent.post("records", record(stem(camera_id), stored))
    monkeypatch.setattr(server._services.sweeper, "wake", lambda: None)
    await api.ok("del_camera", camera_id=camera_id)
    path = settings.data_dir / "recordings" / "2026-11-24" / (stem(camera_id) + ".mp4")
    await server.stop()
    assert path.is_file()
    again = EmbeddedServer(settings, clock)
    await again.start()
    await again._services.sweeper.idle()
    assert not path.exists()
    await again.stop()


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedServer(ServerSettings(data_dir=tmp_path, port=port))
        with pytest.raises(SettingsError, match=rf"port {port}.*\(port\)"):
            await server.start()


async def test_a_host_that_is_not_here_is_named(tmp_path: Path) -> None:
    server = EmbeddedServer(ServerSettings(data_dir=tmp_path, host="192.0.2.1"))
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1.*\(host, port\)"):
        await server.start()


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"database_url": "nonsense"}, "database_url"),
        ({"database_url": "oracle+nothing://x"}, "database_url"),
    ],
)
def test_settings_that_do_not_work_are_named(tmp_path: Path, bad: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        EmbeddedServer(ServerSettings(data_dir=tmp_path, **bad))  # type: ignore[arg-type]


def test_damaged_secrets_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"secrets\.json is damaged"):
        EmbeddedServer(ServerSettings(data_dir=tmp_path))
    assert (tmp_path / "secrets.json").read_text() == "{}"


async def test_the_public_address_is_what_others_are_told(
    tmp_path: Path, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    server = EmbeddedServer(ServerSettings(data_dir=tmp_path, public_url="https://lessons.example/"), clock)
    await server.start()
    agent = ScriptedAgent(server, http)
    answer = await agent.register()
    assert answer["relay_url"] == "wss://lessons.example/gather/v1/relay"
    assert answer["storage"]["url"] == "https://lessons.example/gather/v1/files"
    assert server.console_url == "https://lessons.example/"
    await server.stop()


async def test_on_all_addresses_the_caller_is_told_the_one_it_used(
    tmp_path: Path, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    server = EmbeddedServer(ServerSettings(data_dir=tmp_path, host="0.0.0.0"), clock)
    await server.start()
    port = server.url.rsplit(":", 1)[1]
    api = Api(http, server)
    await api.sign_in()
    async with http.get(f"http://localhost:{port}/api/v1/list_camera", params={"token": api.token}) as response:
        assert (await response.json())["storage_addr"] == f"http://localhost:{port}"
    await server.stop()


async def test_a_damaged_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    settings = ServerSettings(data_dir=tmp_path)
    first = EmbeddedServer(settings)
    await first.start()
    await first.stop()
    content = settings.database_file.read_bytes()
    for damaged in (b"x" * 100 + content[100:], content[: len(content) // 2], b"no database at all" * 1000):
        settings.database_file.write_bytes(damaged)
        server = EmbeddedServer(settings)
        with pytest.raises(SettingsError, match=r"server\.sqlite.*put back the copy"):
            await server.start()
        assert settings.database_file.read_bytes() == damaged, "what can be saved is still there"


async def test_secrets_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").mkdir()
    with pytest.raises(SettingsError, match=r"secrets\.json cannot be read"):
        EmbeddedServer(ServerSettings(data_dir=tmp_path))
