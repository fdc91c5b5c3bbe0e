"""No secret stands anywhere but where it is kept: a run with unusual ones, and everything it wrote or said searched."""

from __future__ import annotations

import base64
import socket
import time
from pathlib import Path
from subprocess import Popen
from urllib.parse import quote

import pytest

from agent.cli import main
from agent.state import AgentState
from agent.wire.models import WireCamera
from tests.agent.cli.test_processes import started
from tests.agent.doctor.test_server import answering
from tests.camera.auth import Guard
from tests.camera.camera import Camera
from tests.camera.film import FilmSpec, make_film

CAMERA, SUB, DEVICE = "P@ss/w0rd-密&x=1", "Sub$tream pw;2", "Dev!ce=pw'9"
ENROL, TOKEN, MQTT = "enrol+key/with=signs", "tok3n.of~this-agent", "m-q-t-t:pass word"
KEPT_IN = {"agent.json", "agent.json.kept", "token", "config.toml", "devices.json"}
COMMANDS = (
    *("status", "lessons", "cameras", "uploads", "check", "doctor", "config check --show-origin"),
    *("snapshot 7", "record start 8", "record stop 8", "uploads pause", "uploads resume"),
)


def forms(secret: str) -> set[bytes]:
    """As it is, percent-encoded, in base64, and as JSON or Python would write it."""
    encoded = base64.b64encode(secret.encode())
    texts = {secret, quote(secret, safe=""), quote(secret), secret.encode("unicode_escape").decode()}
    return {text.encode() for text in texts} | {encoded, encoded.rstrip(b"=")}


def read_past(process: Popen[str], *wanted: str) -> str:
    """Everything up to the line by which each of these has been said."""
    assert process.stdout is not None
    read, missing = "", set(wanted)
    while missing:
        line = process.stdout.readline()
        assert line, read
        read += line
        missing = {one for one in missing if one not in line}
    return read


def test_a_run_with_unusual_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    state = AgentState(home / "state")
    state.set_token(TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with (
        Camera(make_film(FilmSpec()), guard=Guard("digest", "op", "another")) as camera,
        answering(401, b'{"err_code": 401, "err_msg": "no"}') as server,
    ):
        user = f"rtsp://op:{quote(CAMERA, safe='')}@"
        addresses = {7: camera.url().replace("rtsp://", user), 8: f"{user}127.0.0.1:{port}/x?token={quote(CAMERA)}"}
        for camera_id, url in addresses.items():
            password = base64.b64encode(DEVICE.encode()).decode()
            state.put_camera(
                WireCamera(camera_id=camera_id, stream_prop=2, stream_url=url, device_user="op", device_pass=password)
            )
        ipc = f"127.0.0.1:{port}"
        state.put_camera(WireCamera(camera_id=9, stream_prop=0, device_ip=ipc, device_user="op", device_pass=password))
        state.start_manual(7, time.time(), None, "Talk")
        (home / "config.toml").write_text(
            f'[server]\nurl = "http://127.0.0.1:{server}"\n[log]\nlevel = "debug"\n[local]\nport = 0\n'
            f"[record]\nsub_streams = {{ 7 = 'rtsp://u:{quote(SUB)}@127.0.0.1:{port}/sub' }}\n"
        )
        secrets = {"GATHER__SERVER__ENROL_KEY": ENROL, "GATHER__MQTT__PASSWORD": MQTT, "GATHER__MQTT__USER": "u"}
        for name, value in secrets.items():
            monkeypatch.setenv(name, value)
        with started("run", "--home", home) as process:
            log = read_past(process, "refuses user or password", "refuses this agent's key")
            for command in COMMANDS:
                for more in (["--json"], ["--lang", "zh"])[: 1 if command == "doctor" else 2]:
                    main([*command.split(), *more, "--home", str(home)])
            process.terminate()
            rest, _ = process.communicate()
    said = capsys.readouterr()
    everything = {"log": log + rest, "out": said.out, "err": said.err}
    found = {name: text.encode() for name, text in everything.items()}
    found |= {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name not in KEPT_IN}
    assert len(said.out) > 5000
    assert any(name.endswith("journal.sqlite") for name in found)
    assert "***" in said.out
    for secret in (CAMERA, SUB, DEVICE, ENROL, TOKEN, MQTT):
        for name, content in found.items():
            for form in forms(secret):
                assert form not in content, (secret, name, content[max(0, content.find(form) - 200) :][:400])
