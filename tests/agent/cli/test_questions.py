"""The commands that ask and order, against a real door."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from agent.cli.common import single_instance
from agent.cli.phrases import PHRASES
from agent.cli.tables import percent
from agent.config import paths
from agent.local import LocalDoor
from agent.status import (
    CamerasView,
    GapView,
    LessonOutcome,
    LessonsView,
    QueueView,
    SliceView,
    UploadsView,
    UploadView,
)
from agent.wire.codes import Code
from tests.agent.behind import Behind
from tests.agent.views import NOW, channel

GAP = GapView(since=NOW + 60, until=NOW + 77.5, cause="stalled", detail="no packet for 5 s")
PIECE = SliceView(
    stem="s", slice_inx=1, started_at=NOW, media_sec=60, overlap_sec=0, size=10, state="confirmed", video="h264"
)


def lesson(**changes: Any) -> LessonOutcome:
    about = {"key": "k", "camera_id": 1, "camera_name": "Room 101", "course_id": 7, "title": "数学"}
    times = {"state": "recorded", "planned_start": NOW, "planned_end": NOW + 2700, "coverage": 1.0}
    return LessonOutcome(**{**about, **times, "slices": (PIECE,), **changes})


def day(*lessons: LessonOutcome) -> LessonsView:
    return LessonsView(
        now=NOW, first_day="2027-01-15", last_day="2027-01-15", timezone="Asia/Shanghai", lessons=lessons
    )


class House:
    """A door on a socket below `home`, in a thread; `say` runs a command there."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.behind, self._capsys = home, Behind(), capsys
        self._loop = asyncio.new_event_loop()
        self._door = LocalDoor(home / "run/control.sock", self.behind, self.behind.carry_out, home)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._do(self._door.open())

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def close(self) -> None:
        self._do(self._door.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, *arguments: str, lang: str = "en") -> tuple[int, str]:
        """Exit code and everything said."""
        code = main([*arguments, "--home", str(self.home), "--lang", lang])
        said = self._capsys.readouterr()
        return code, said.out + said.err


@pytest.fixture
def house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[House]:
    house = House(tmp_path / "home", capsys)
    yield house
    house.close()


def test_lessons_as_a_table_with_their_gaps(house: House) -> None:
    house.behind.shown = day(lesson(), lesson(state="partly", coverage=0.99351, missing_sec=17.5, gaps=(GAP,)))
    code, text = house.run("lessons")
    assert code == 1
    assert "16:00–16:45" in text  # 08:00 UTC in the timetable's zone
    assert "100 %" in text
    assert "99.3 %" in text
    assert "Room 101, 数学: 16:01:00 to 16:01:17, 17.5 s: the camera fell silent (no packet for 5 s)" in text
    code, chinese = house.run("lessons", lang="zh")
    assert "有缺失" in chinese
    assert "摄像机中断" in chinese
    assert house.run("lessons", "--json")[1].strip() == house.behind.shown.model_dump_json()


@pytest.mark.parametrize(
    ("lessons", "code"),
    [
        ((), 0),
        ((lesson(),), 0),
        ((lesson(state="coming", coverage=None),), 0),
        ((lesson(state="recording"),), 0),
        ((lesson(state="recording", gaps=(GAP,)),), 1),
        ((lesson(state="missed", coverage=0.0),), 1),
        ((lesson(), lesson(state="due")), 2),
    ],
)
def test_lessons_exit_codes(house: House, lessons: tuple[LessonOutcome, ...], code: int) -> None:
    house.behind.shown = day(*lessons)
    assert house.run("lessons")[0] == code


def test_lessons_of_another_day(house: House) -> None:
    house.run("lessons", "--day", "2026-11-20", "--days", "3")
    (first, days), *_ = house.behind.days
    assert (str(first), days) == ("2026-11-20", 3)
    assert house.run("lessons", "--day", "someday")[0] == 64
    assert house.run("lessons", "--days", "0")[0] == 64


def test_100_percent_is_said_of_a_whole_lesson_only() -> None:
    assert [percent(share) for share in (1.0, 0.99999, 0.5, 0.0, None)] == ["100 %", "99.9 %", "50 %", "0 %", ""]


def test_cameras(house: House) -> None:
    away = channel(camera_id=2, name="Hall", state="waiting", cause="unauthorized", detail="rtsp://x: refused")
    house.behind.cameras = CamerasView(now=NOW, cameras=(channel(bit_rate=4.2e6), away))
    code, text = house.run("cameras")
    assert code == 2  # the hall should be recording
    assert "4.2 Mbit/s" in text
    assert "online, recording" in text
    assert "2 Hall: the camera refuses user or password; start the channel anew when it is right" in text
    house.behind.cameras = CamerasView(now=NOW, cameras=(channel(), away.model_copy(update={"recordings": ()})))
    assert house.run("cameras")[0] == 1
    house.behind.cameras = CamerasView(now=NOW)
    assert house.run("cameras") == (0, "No channel. Channels are added on the server.\n")


def test_uploads(house: House) -> None:
    failed = UploadView(
        stem="s",
        camera_id=1,
        camera_name="Room 101",
        course_id=7,
        title="数学",
        slice_inx=2,
        started_at=NOW,
        media_sec=600,
        size=5_000_000,
        state="retrying",
        attempts=3,
        error="507: full",
        next_try=NOW + 40,
    )
    queue = QueueView(recorded=2, waiting_bytes=9_000_000, error="507: full")
    house.behind.uploads = UploadsView(now=NOW, queue=queue, files=(failed,), more=1)
    code, text = house.run("uploads")
    assert code == 1
    for part in ("5.0 MB", "failed, tried again", "40 s", "507: full", "... and 1 more"):
        assert part in text
    house.behind.uploads = UploadsView(now=NOW, queue=QueueView(confirmed=3))
    assert house.run("uploads")[0] == 0
    assert house.run("uploads", "pause")[0] == house.run("uploads", "resume")[0] == 0
    assert [one.cmd for one in house.behind.carried] == ["pause_upload", "resume_upload"]


def test_recordings_by_hand_and_pictures_by_number_or_name(house: House, tmp_path: Path) -> None:
    (house.home / "live_1.jpg").write_bytes(b"a picture")
    assert house.run("record", "start", "Room 101", "--minutes", "1.5", "--title", "Talk")[0] == 0
    assert house.run("record", "stop", "1")[0] == 0
    assert house.run("snapshot", "1", "--output", str(tmp_path / "x.jpg"))[0] == 0
    assert (tmp_path / "x.jpg").read_bytes() == b"a picture"
    start, stop, picture = house.behind.carried
    assert (start.cmd, start.data) == ("start_record", {"camera_id": 1, "title": "Talk", "elapse_sec": 90})
    assert (stop.cmd, picture.cmd) == ("stop_record", "snapshot")
    code, text = house.run("record", "stop", "Room 9")
    assert code == 64
    assert "there is no channel Room 9. There are: 1 Room 101" in text


@pytest.mark.parametrize("code", [Code.NOT_RECORDING, Code.NO_PICTURE, Code.CAMERA_STOPPED, Code.FAILED])
def test_what_is_refused_is_1_with_the_reason(house: House, code: Code) -> None:
    house.behind.code = code
    for lang in ("en", "zh"):
        done, text = house.run("record", "stop", "1", lang=lang)
        assert done == 1
        assert len(text.splitlines()) == 1
    done, text = house.run("record", "stop", "1", "--json")
    assert (done, json.loads(text)["err_code"]) == (1, code)


def test_a_door_of_somebody_else_s(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("agent.cli.door._UnixConnection.connect", refused)
    code, text = house.run("cameras")
    assert code == 77
    assert "sudo" in text


@pytest.mark.parametrize(
    "command", [["lessons"], ["cameras"], ["uploads"], ["record", "start", "1"], ["snapshot", "1"]]
)
def test_without_a_daemon_it_is_69_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([*command, "--home", str(tmp_path / "home")]) == 69
    assert "gather-agent doctor" in capsys.readouterr().err


def test_whose_service_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "SYSTEM_ROOT", tmp_path / "s")
    (tmp_path / "s/var/lib/gather-agent").mkdir(parents=True)
    assert main(["status"]) == 69
    assert str(tmp_path / "s/run/gather-agent/control.sock") in capsys.readouterr().err
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "mine"))
    assert main(["status"]) == 69
    assert str(tmp_path / "mine/control.sock") in capsys.readouterr().err
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    (tmp_path / ".local/state/gather-agent").mkdir(parents=True)
    assert main(["status"]) == 69
    assert str(tmp_path / "s/run") not in capsys.readouterr().err


def test_every_phrase_has_both_languages_with_the_same_fields() -> None:
    for key, (english, chinese) in PHRASES.items():
        assert english != chinese, key
        assert sorted(_fields(english)) == sorted(_fields(chinese)), key


def _fields(text: str) -> list[str]:
    return [part.split("}")[0] for part in text.split("{")[1:]]


def test_logs_of_a_file_with_secrets_hidden(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert main(["logs", "--home", str(home)]) == 69
    capsys.readouterr()
    (home / "log").write_text("one\nopens rtsp://admin:s3cr3t@camera/1\nkey k-e-y-1-2-3\n", encoding="utf-8")
    monkeypatch.setenv("GATHER__SERVER__ENROL_KEY", "k-e-y-1-2-3")
    assert main(["logs", "--home", str(home), "-n", "2"]) == 0
    assert capsys.readouterr().out == "opens rtsp://admin:***@camera/1\nkey ***\n"
    assert main(["logs", "--home", str(home), "-n", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"line": "key ***"}


def test_show_origin_names_every_source_and_hides_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials, key_file = tmp_path / "credentials", tmp_path / "key"
    credentials.mkdir()
    (credentials / "enrol_key").write_text("kept-by-systemd\n")
    key_file.write_text("kept-in-a-file\n")
    path = tmp_path / "config.toml"
    path.write_text(
        '[record]\nring_mb = 32\nsub_streams = { 7 = "rtsp://u:hidden-pw@h/s" }\n'
        '[standalone]\ndatabase = "postgresql://u:db-pw@h/d"\n'
    )
    monkeypatch.setenv("GATHER__LOG__LEVEL", "debug")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    show = ["config", "check", "--show-origin", "--config", str(path)]
    assert main(show) == 0
    text = capsys.readouterr().out
    origins = dict(line.rstrip().split("  # ") for line in text.splitlines() if "  # " in line)
    found = {key.strip(): where for key, where in origins.items()}
    assert found["record.ring_mb = 32"] == f"{path}:2"
    assert found['log.level = "debug"'] == "environment GATHER__LOG__LEVEL"
    assert found['server.enrol_key = "***"'] == "credential enrol_key"
    assert found['log.format = "auto"'] == "built in"
    assert found['record.sub_streams = { 7 = "***" }'] == f"{path}:3"
    for secret in ("kept-by-systemd", "hidden-pw", "db-pw"):
        assert secret not in text
    path.write_text(f'[server]\nenrol_key_file = "{key_file}"\n')
    assert main([*show, "--json"]) == 0
    keys = {one["key"]: one for one in json.loads(capsys.readouterr().out)["keys"]}
    assert keys["server.enrol_key"] == {"key": "server.enrol_key", "value": '"***"', "origin": f"file {key_file}"}
    assert main([*show, "--home", str(tmp_path / "home")]) == 0
    text = capsys.readouterr().out
    assert f'paths.state = "{tmp_path}/home/state"' in text
    assert "# command line" in text


def test_check_wants_the_daemon_stopped_for_a_repair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "home/state"
    assert main(["check", "--home", str(tmp_path / "home")]) == 69
    state.mkdir(parents=True)
    (state / "journal.sqlite").touch()
    with single_instance(state):
        assert main(["check", "--repair", "--home", str(tmp_path / "home")]) == 75
    assert f"process {os.getpid()}" in capsys.readouterr().err
