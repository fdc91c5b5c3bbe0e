"""`gather-agent doctor` as a technician meets it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from agent.cli.common import single_instance
from agent.state import AgentState
from agent.status import CamerasView
from agent.wire.models import WireCamera
from tests.agent.cli.test_questions import House, house
from tests.agent.views import channel, view
from tests.camera.auth import Guard
from tests.camera.camera import Camera
from tests.camera.film import FilmSpec, make_film
from tests.media import MakeSample

__all__ = ["house"]


@pytest.fixture(autouse=True)
def in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the machine that runs the tests is not what is tested here."""
    monkeypatch.setattr("agent.doctor.clock.kernel_synchronised", lambda: True)


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    code = main(["doctor", "--json", *arguments])
    told = json.loads(capsys.readouterr().out)
    return code, {finding["code"]: finding for finding in told["findings"]}


def test_an_agent_that_has_never_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = doctor(capsys, "--home", str(tmp_path / "home"))
    assert code == 1
    assert found["daemon_off"]["severity"] == "warning"
    assert {"place_new", "server_none", "camera_none"} <= found.keys()
    assert "unit_none" not in found, "a home of its own is no service"
    assert found["daemon_off"].keys() == {"severity", "code", "where", "what", "advice", "data"}


def test_a_daemon_that_runs_is_asked(house: House, sample: MakeSample, capsys: pytest.CaptureFixture[str]) -> None:
    house.behind.status = view()
    house.behind.cameras = CamerasView(now=1.0, cameras=(channel(),))
    state = AgentState(house.home / "state")
    state.put_camera(WireCamera(camera_id=1, camera_name="Room 101", stream_prop=1, stream_mp4="/is/online/anyway"))
    code, found = doctor(capsys, "--home", str(house.home))
    assert (code, found["daemon_well"]["severity"]) == (0, "ok")
    assert found["camera_online"]["where"] == "1 Room 101"
    assert found["server_connected"]["where"] == "http://school", "the daemon's own, whatever the file says"
    assert "server_none" not in found
    # Away for the daemon: it is looked at, and found.
    house.behind.cameras = CamerasView(now=1.0, cameras=(channel(state="waiting"),))
    code, found = doctor(capsys, "--home", str(house.home))
    assert (code, found["camera_no_file"]["severity"]) == (2, "error")
    house.behind.status = view(channels=(channel(state="waiting"),))
    code, found = doctor(capsys, "--home", str(house.home))
    assert (code, found["daemon_troubled"]["severity"]) == (2, "error")


def test_a_configuration_that_is_wrong_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").write_text('[server]\nurl = 7\nenrol_key = "s3cr3t-key"\n')
    code, found = doctor(capsys, "--home", str(tmp_path))
    assert (code, found["config_wrong"]["where"]) == (2, f"{tmp_path}/config.toml:2")
    assert "server.url" in found["config_wrong"]["what"]
    assert "s3cr3t-key" not in str(found)
    assert "server_none" not in found, "nobody knows that"


def test_a_broker_that_is_away_and_a_port_that_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("GATHER__MQTT__HOST", "127.0.0.1")
    monkeypatch.setenv("GATHER__MQTT__PORT", str(port))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("GATHER__LOCAL__PORT", str(taken.getsockname()[1]))
        code, found = doctor(capsys, "--home", str(tmp_path))
    assert (code, found["mqtt_away"]["severity"], found["page_port_taken"]["severity"]) == (1, "warning", "warning")


def test_another_instance_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with single_instance(tmp_path / "state"):
        code, found = doctor(capsys, "--home", str(tmp_path))
    assert (code, found["daemon_other"]["severity"]) == (2, "error")


def test_a_camera_before_it_is_a_channel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    password = tmp_path / "password"
    password.write_text("un-usu@l:secret\n")
    with Camera(make_film(FilmSpec()), guard=Guard("digest", "viewer", "right")) as camera:
        more = ["--user", "viewer", "--password-file", str(password), "--home", str(tmp_path)]
        for lang, words in (("en", "refuses user or password"), ("zh", "拒绝用户名或密码")):
            assert main(["doctor", camera.url(), *more, "--lang", lang]) == 2
            said = capsys.readouterr()
            assert words in said.out
            assert "un-usu" not in said.out + said.err
        assert main(["doctor", camera.url("viewer", "right"), "--home", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("ok ")
    assert "right" not in text
    assert text.endswith("\nNothing has to be mended.\n")
