"""`gather-agent enrol`: a real server, the files it writes, and every refusal, without a service on this machine."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.common import single_instance
from agent.config import load_config
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.state import AgentState

Enrol = Callable[..., Awaitable[int]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(ServerSettings(data_dir=tmp_path / "school", port=0, timezone="Asia/Shanghai"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "agent"


@pytest.fixture
def enrol(home: Path) -> Enrol:
    async def run(*words: str) -> int:
        return await asyncio.to_thread(main, ["enrol", *words, "--home", str(home)])

    return run


def put_config(home: Path, text: str) -> None:
    home.mkdir()
    (home / "config.toml").write_text(text)


def untouched(home: Path) -> bool:
    return not home.exists()


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_new_agent_is_known_afterwards(
    server: EmbeddedServer, home: Path, enrol: Enrol, capsys: pytest.CaptureFixture[str]
) -> None:
    put_config(home, '# ours\n[server]\n#url = ""\ntimeout_sec = 5.0 # slow line\n')
    assert await enrol(server.url, server.enrol_key) == 0
    assert (home / "config.toml").read_text() == (
        f'# ours\n[server]\nenrol_key_file = "enrol_key"\nurl = "{server.url}"\ntimeout_sec = 5.0 # slow line\n'
    )
    assert (home / "enrol_key").read_text().strip() == server.enrol_key
    assert stat.S_IMODE((home / "enrol_key").stat().st_mode) == 0o600
    assert load_config(home / "config.toml").config.server.enrol_key.get_secret_value() == server.enrol_key
    state = AgentState(home / "state")
    assert state.token and state.known.gather_id == 1 and state.known.timezone == "Asia/Shanghai"
    said = capsys.readouterr().out
    assert f"Enrolled: recorder 1 of {server.url}." in said
    assert server.enrol_key not in said


async def test_twice_changes_nothing(server: EmbeddedServer, home: Path, enrol: Enrol) -> None:
    assert await enrol(server.url, server.enrol_key) == 0
    before = files_of(home)
    assert await enrol(server.url + "/", server.enrol_key) == 0
    assert files_of(home) == before


async def test_a_wrong_key_changes_nothing(
    server: EmbeddedServer, home: Path, enrol: Enrol, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await enrol(server.url, "another", "--lang", "zh") == 1
    assert "拒绝了注册密钥" in capsys.readouterr().err
    assert untouched(home)


@pytest.mark.parametrize(
    ("address", "code", "what"),
    [
        ("http://127.0.0.1:9", 1, "no server listens"),
        ("https://127.0.0.1:{port}", 1, "does not speak TLS"),
        ("http://127.0.0.1:{port}/elsewhere", 1, "without the path of a page"),
        ("ftp://127.0.0.1", 78, "must begin with http"),
    ],
)
async def test_a_wrong_address_is_named(
    server: EmbeddedServer,
    home: Path,
    enrol: Enrol,
    capsys: pytest.CaptureFixture[str],
    address: str,
    code: int,
    what: str,
) -> None:
    port = server.url.rpartition(":")[2]
    assert await enrol(address.format(port=port), server.enrol_key) == code
    assert what in capsys.readouterr().err
    assert untouched(home)


async def test_elsewhere_only_again(
    server: EmbeddedServer, tmp_path: Path, home: Path, enrol: Enrol, capsys: pytest.CaptureFixture[str]
) -> None:
    other = EmbeddedServer(ServerSettings(data_dir=tmp_path / "other", port=0))
    await other.start()
    try:
        assert await enrol(server.url, server.enrol_key) == 0
        before, uid = files_of(home), AgentState(home / "state").known.agent_uid
        assert await enrol(other.url, other.enrol_key) == 1
        assert f"belongs to {server.url} already" in capsys.readouterr().err
        assert files_of(home) == before
        assert await enrol(other.url, other.enrol_key, "--again") == 0
        state = AgentState(home / "state")
        assert state.known.agent_uid == uid
        assert state.token != before["state/token"].decode()
        assert state.known.relay_url.startswith(other.url.replace("http", "ws"))
    finally:
        await other.stop()


async def test_a_key_in_the_configuration_gives_way(server: EmbeddedServer, home: Path, enrol: Enrol) -> None:
    put_config(home, '[server]\nenrol_key = "old"\n')
    assert await enrol(server.url, server.enrol_key) == 0
    assert '\n#enrol_key = "old"\n' in (home / "config.toml").read_text()
    assert load_config(home / "config.toml").config.server.enrol_key.get_secret_value() == server.enrol_key


async def test_beside_a_running_agent_that_is_no_service(
    server: EmbeddedServer, home: Path, enrol: Enrol, capsys: pytest.CaptureFixture[str]
) -> None:
    with single_instance(home / "state"):
        assert await enrol(server.url, server.enrol_key) == 1
    assert "stop and start it" in capsys.readouterr().err
    assert load_config(home / "config.toml").config.server.url == server.url


async def test_a_file_that_cannot_be_edited_is_left_alone(
    server: EmbeddedServer, home: Path, enrol: Enrol, capsys: pytest.CaptureFixture[str]
) -> None:
    put_config(home, "server = { timeout_sec = 5.0 }\n")
    assert await enrol(server.url, server.enrol_key) == 1
    assert f'in [server]: url = "{server.url}"' in capsys.readouterr().err
    assert files_of(home) == {"config.toml": b"server = { timeout_sec = 5.0 }\n"}


async def test_the_key_from_stdin(
    server: EmbeddedServer, home: Path, enrol: Enrol, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(f"{server.enrol_key}\n")
    with (tmp_path / "key").open() as key:
        monkeypatch.setattr("sys.stdin", key)
        assert await enrol(server.url, "-") == 0
    assert AgentState(home / "state").token
