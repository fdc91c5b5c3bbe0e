"""Logs in their three forms, and what never stands in them."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import logs

PASSWORD = "p4ss-w0rd"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.parametrize(
    "text",
    [
        f"cannot open rtsp://admin:{PASSWORD}@10.0.0.5:554/main",
        f"cannot open rtsp://admin:{PASSWORD}@x/y:z@10.0.0.5/main",
        f"rtsp://:{PASSWORD}@camera/",
        f"GET /live?camera=1&token={PASSWORD}&x=1",
        f"GET /api/v1/get_token?unionid={PASSWORD}",
        f"GET /api/v1/get_token/unionid/{PASSWORD}/x/1",
        f"password={PASSWORD}",
        f"device_pass={PASSWORD}, port=80",
        f"Authorization: Bearer {PASSWORD}",
        f"authorization: basic {PASSWORD}==",
        f'Authorization: Digest username="admin", response="{PASSWORD}"',
        f'{{"token": "{PASSWORD}", "relay_url": "ws://x"}}',
        f"{{'enrol_key': '{PASSWORD}'}}",
        f'{{"device_pass":"a\\"{PASSWORD}"}}',
        f"postgresql+psycopg://gather:{PASSWORD}@db/gather",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    hidden = logs.redact(text)
    assert PASSWORD not in hidden
    assert logs.HIDDEN in hidden


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://10.0.0.5:554/main is connected",
        "http://10.0.0.5:8480/teacher@school",
        "PUT http://school/recordings/ab12_1_1700000000_3_9_1_60.mp4 answered 503",
        "no token yet: the agent must register",
        "monkey=banana compass=north",
        "registered as recorder 3, rev 12",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert logs.redact(text) == text


@given(st.text(st.characters(exclude_categories=("Cs", "Z", "C")), min_size=1, max_size=20))
def test_no_password_of_an_address_survives(password: str) -> None:
    marked = f"x{PASSWORD}{password}"
    assert PASSWORD not in logs.redact(f"rtsp://admin:{marked}@10.0.0.5/main failed")


def test_a_known_secret_is_hidden_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_known_secrets", set())
    logs.conceal("Abcdef123456")
    logs.conceal("abc")
    assert logs.redact("got Abcdef123456 from abc") == f"got {logs.HIDDEN} from abc"


def open_camera() -> None:
    raise ConnectionError(f"rtsp://a:{PASSWORD}@camera refused")


def test_text_has_time_level_name_fields_and_a_redacted_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "text")
    try:
        open_camera()
    except ConnectionError:
        logging.getLogger("agent.x").exception("camera %s", "失败", extra={"camera_id": 3})
    logging.getLogger("agent.x").debug("not seen")
    written = capsys.readouterr().err
    lines = written.splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d error   agent\.x: camera 失败$", lines[0])
    assert lines[-1].startswith(f"ConnectionError: rtsp://a:{logs.HIDDEN}@camera refused")
    assert lines[-1].endswith("camera_id=3")
    assert "not seen" not in written


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("debug", "json")
    logging.getLogger("agent.x").warning('line\n"token": "%s"', PASSWORD, extra={"camera_id": 3, "path": Path("/x")})
    logging.getLogger("agent.x").debug("second")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["level"] == "warning"
    assert first["message"] == f'line\n"token": "{logs.HIDDEN}"'
    assert (first["camera_id"], first["path"]) == (3, "/x")
    assert second["logger"] == "agent.x"


def test_the_journal_gets_priorities_on_every_line_and_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("debug", "journal")
    logging.getLogger("agent.x").error("one\ntwo")
    logging.getLogger("agent.x").info("three")
    assert capsys.readouterr().err == "<3>agent.x: one\n<3>two\n<6>agent.x: three\n"


def test_auto_means_journal_only_for_the_stream_systemd_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "stderr").open("w+") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        status = os.fstat(stream.fileno())
        logs.set_up("info", "auto", env={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        logging.getLogger("agent.x").info("to the journal")
        logs.set_up("info", "auto", env={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        logging.getLogger("agent.x").info("redirected")
        stream.seek(0)
        first, second = stream.read().splitlines()
    assert first == "<6>agent.x: to the journal"
    assert second.endswith("info    agent.x: redirected")
    assert not logs.goes_to_journal(io.StringIO(), {})


def test_a_file_instead_of_stderr_and_no_chatter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "auto", file=tmp_path / "log")
    logging.getLogger("aiohttp.access").info("chatter")
    logging.getLogger("agent.x").info("own")
    assert capsys.readouterr().err == ""
    written = (tmp_path / "log").read_text()
    assert "own" in written
    assert "chatter" not in written
