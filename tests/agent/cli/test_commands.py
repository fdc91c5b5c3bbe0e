"""The commands as a person meets them: output and exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import pytest

from agent.cli import main
from agent.cli.common import single_instance, stop_by_signal
from agent.cli.exits import Exit, Stop
from agent.status import DaemonView, QueueView
from tests.agent.views import channel, view


class Daemon(UnixStreamServer):
    """Answers `GET /status` on a control socket, like the daemon does."""

    def __init__(self, address: Path, answer: str) -> None:
        address.parent.mkdir(parents=True)
        super().__init__(str(address), _Handler)
        self.answer = answer
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def get_request(self) -> tuple[socket.socket, str]:
        request, _ = self.socket.accept()
        return request, "local"


class _Handler(BaseHTTPRequestHandler):
    server: Daemon

    def do_GET(self) -> None:
        body = self.server.answer.encode()
        self.send_response(200 if self.path == "/status" and body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""


@pytest.fixture
def daemon(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The home folder of a running daemon, which answers with the test's parameter."""
    answer = request.param.model_dump_json() if isinstance(request.param, DaemonView) else request.param
    server = Daemon(tmp_path / "home/run/control.sock", answer)
    yield tmp_path / "home"
    server.shutdown()
    server.thread.join()
    server.server_close()


@pytest.mark.parametrize("daemon", [view()], indirect=True)
def test_status_in_plain_words(daemon: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--home", str(daemon)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("All is well.\n")
    assert "channel 1 Room 101: online (h264 640x360)".lower() in text.lower()
    assert "REC 30:00: 数学, until" in text
    assert "Next: 音乐, Room 101," in text
    assert main(["status", "--home", str(daemon), "--lang", "zh"]) == 0
    assert capsys.readouterr().out.startswith("一切正常。\n")


@pytest.mark.parametrize(
    "daemon", [view(queue=QueueView(recorded=1, waiting_bytes=5_000_000, error="503"))], indirect=True
)
def test_status_degraded_is_1(daemon: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--home", str(daemon)]) == 1
    text = capsys.readouterr().out
    assert "uploads fail" in text.splitlines()[0]
    assert "Still to upload: 1 (5.0 MB)" in text
    assert "Last upload failed: 503" in text


@pytest.mark.parametrize("daemon", [view(channels=(channel(state="waiting", detail="no route"),))], indirect=True)
def test_status_of_a_lesson_that_is_lost_is_2_also_for_programs(
    daemon: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--home", str(daemon)]) == 2
    assert capsys.readouterr().out.startswith("NOT RECORDING though it should: Room 101")
    assert main(["status", "--home", str(daemon), "--json"]) == 2
    assert DaemonView.model_validate_json(capsys.readouterr().out).channels[0].detail == "no route"


@pytest.mark.parametrize(("daemon", "code"), [("", 69), ("{}", 70)], indirect=["daemon"])
def test_an_answer_that_is_none(daemon: Path, code: int) -> None:
    assert main(["status", "--home", str(daemon)]) == code


def test_status_without_a_daemon_is_69_also_when_a_dead_one_left_its_socket(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--home", str(tmp_path / "home")]) == 69
    with socket.socket(socket.AF_UNIX) as dead:
        (tmp_path / "home/run").mkdir(parents=True)
        dead.bind(str(tmp_path / "home/run/control.sock"))
    assert main(["status", "--home", str(tmp_path / "home")]) == 69
    assert capsys.readouterr().err.count("is not running") == 2


def test_config_check_says_ok_or_everything_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check"]) == 0
    path = tmp_path / "config.toml"
    path.write_text("[log]\nlevel = 'info'\n")
    assert main(["config", "check", "--config", str(path)]) == 0
    assert capsys.readouterr().out == f"OK: no file, every key has its default\nOK: {path}\n"
    path.write_text("[log]\nlevle = 'info'\n[record]\nring_mb = 1\n")
    for command in (["config", "check"], ["run"], ["serve"], ["standalone"]):
        assert main([*command, "--config", str(path)]) == 78
        report = capsys.readouterr().err
        assert f"{path}:2: log.levle: there is no such key" in report
        assert f"{path}:4: record.ring_mb: too small" in report


@pytest.mark.parametrize("daemon", [view()], indirect=True)
def test_a_file_that_is_wrong_does_not_hide_a_daemon_that_runs(
    daemon: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = daemon / "config.toml"
    path.write_text("[log]\nlevle = 'info'\n")
    assert main(["status", "--home", str(daemon)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("All is well.\n")
    assert f"{path}:2: log.levle: there is no such key" in said.err


def test_with_a_home_only_its_own_file_counts(tmp_path: Path) -> None:
    usual = tmp_path / ".config/gather-agent"
    usual.mkdir(parents=True)
    (usual / "config.toml").write_text("[log]\nlevel = 'nonsense'\n")
    assert main(["config", "check"]) == 78
    assert main(["config", "check", "--home", str(tmp_path / "home")]) == 0
    (tmp_path / "home").mkdir()
    (tmp_path / "home/config.toml").write_text("[log]\nlevel = 'nonsense'\n")
    assert main(["config", "check", "--home", str(tmp_path / "home")]) == 78


@pytest.mark.parametrize("arguments", [[], ["fly"], ["config"], ["run", "--speed", "9"], ["status", "--lang", "fr"]])
def test_wrong_usage_is_64(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 64


def test_a_source_that_is_no_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["standalone", "--home", str(tmp_path / "home"), "--source", "nothing.mp4"]) == 64
    assert "nothing.mp4 is neither a URL nor a file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "standalone"])
def test_a_second_instance_is_75_and_names_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    state = tmp_path / "home/state"
    with single_instance(state):
        assert main([command, "--home", str(tmp_path / "home")]) == 75
    assert f"already running with the folder {state} (process {os.getpid()})" in capsys.readouterr().err
    with single_instance(state):
        pass


def test_the_lock_of_a_dead_process_means_nothing(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with single_instance(tmp_path):
            os._exit(0)
    os.waitpid(child, 0)
    with single_instance(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_folder_that_cannot_be_made_is_73(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["serve", "--home", str(tmp_path / "file/home")]) == 73
    assert "Not a directory" in capsys.readouterr().err


def test_a_port_that_is_taken_is_69(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("GATHER__STANDALONE__PORT", str(taken.getsockname()[1]))
        assert main(["serve", "--home", str(tmp_path / "home")]) == 69
    assert "in use" in capsys.readouterr().err


async def test_term_stops_hup_does_not_and_a_second_int_aborts() -> None:
    with stop_by_signal() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.05)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 2)
    with stop_by_signal() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(stop.wait(), 2)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_stop_carries_a_code_of_sysexits() -> None:
    assert Stop(Exit.UNAVAILABLE, "x").code == 69
