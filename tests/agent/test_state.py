"""The state on disk: whole after every change, private, and clear about what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.files import replace_file
from agent.state import AgentState, NewerState
from agent.wire.models import GatherSettings, RegisterReply, Sync, WireCamera, WireCourse


def test_identity_and_token_stay(tmp_path: Path) -> None:
    first = AgentState(tmp_path / "deep" / "state")
    first.set_token("secret")
    again = AgentState(tmp_path / "deep" / "state")
    assert again.known.agent_uid == first.known.agent_uid
    assert again.token == "secret"
    assert AgentState(tmp_path / "other").known.agent_uid != first.known.agent_uid
    for path in (first.path, first.token_path):
        assert path.stat().st_mode & 0o777 == 0o600
        assert "secret" not in first.path.read_text()


def test_a_registration_without_token_keeps_the_own_one(tmp_path: Path) -> None:
    state = AgentState(tmp_path)
    state.take_registration(RegisterReply(gather_id=3, token="own"), "ws://x")
    state.take_registration(RegisterReply(gather_id=3, timezone="UTC"), "ws://y")
    again = AgentState(tmp_path)
    assert (again.token, again.known.gather_id, again.known.relay_url) == ("own", 3, "ws://y")


def test_a_sync_replaces_everything_and_forgets_what_is_gone(tmp_path: Path) -> None:
    state = AgentState(tmp_path)
    for camera_id in (1, 2):
        state.put_camera(WireCamera(camera_id=camera_id))
        state.want(camera_id, False)
        state.start_manual(camera_id, 100.0, None, "")
    state.take_sync(Sync(rev=9, gather=GatherSettings(slice_val=5), cameras=(WireCamera(camera_id=2),)))
    again = AgentState(tmp_path)
    assert (again.known.rev, again.known.gather.slice_val, again.wanted) == (9, 5, {2: False})
    assert [entry.camera_id for entry in again.manual] == [2]


def test_a_course_that_makes_no_sense_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = AgentState(tmp_path)
    good = WireCourse(course_id=1, start_time="08:00:00", elapse_sec=60)
    bad = WireCourse(course_id=2, start_time="eight", elapse_sec=60)
    state.put_camera(WireCamera(camera_id=1, courses=(bad, good)))
    assert [course.course_id for course in state.timetable(ZoneInfo("UTC")).courses] == [1]
    assert "not recorded" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cameras": {"x": 1}}', b"\xff\xfe", b"\0" * 4096])
def test_a_damaged_state_is_set_aside_and_the_kept_one_goes_on(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    state = AgentState(tmp_path, behind=True)
    state.put_camera(WireCamera(camera_id=7, camera_name="room 7"))
    agent_uid = AgentState(tmp_path, behind=True).known.agent_uid
    (tmp_path / "agent.json").write_bytes(content)
    state = AgentState(tmp_path, behind=True)
    assert (state.known.agent_uid, list(state.known.cameras)) == (agent_uid, [7])
    (aside,) = tmp_path.glob("agent.json.damaged-*")
    assert aside.read_bytes() == content
    assert aside.name in caplog.text
    assert AgentState(tmp_path, behind=True).known == state.known


def test_without_a_copy_that_can_be_read_a_damaged_state_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "agent.json").write_bytes(b"{")
    (tmp_path / "agent.json.kept").write_bytes(b"[]")
    state = AgentState(tmp_path)
    assert state.known.cameras == {}
    assert len(list(tmp_path.glob("*.damaged-*"))) == 2
    assert AgentState(tmp_path).known.agent_uid == state.known.agent_uid


def test_a_newer_state_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "agent.json").write_text('{"version": 2}')
    with pytest.raises(NewerState, match="newer"):
        AgentState(tmp_path)


def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    (tmp_path / ".file.new").write_bytes(b"left by a crash, longer than what follows")

    def full(_: int) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="disk full"):
            replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


async def test_behind_an_event_loop_writes_are_gathered_and_waited_for(tmp_path: Path) -> None:
    state = AgentState(tmp_path, behind=True)
    for camera_id in range(50):
        state.put_camera(WireCamera(camera_id=camera_id))
    assert AgentState(tmp_path).known.cameras == {}, "nothing is written while the loop does not turn"
    await state.durable()
    assert len(AgentState(tmp_path).known.cameras) == 50


async def test_a_disk_that_refuses_is_named_to_whoever_waits_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "state"
    state = AgentState(folder, behind=True)
    folder.rename(tmp_path / "elsewhere")
    state.want(7, False)
    with pytest.raises(OSError, match="No such file"):
        await state.durable()
    assert "cannot be written" in caplog.text
    (tmp_path / "elsewhere").rename(folder)
    await state.durable()
    assert AgentState(folder).known.wanted == {7: False}


def test_courses_of_channels_that_stay_are_made_once(tmp_path: Path) -> None:
    state = AgentState(tmp_path)
    for camera_id in (1, 2):
        course = WireCourse(course_id=camera_id, start_time="08:00:00", elapse_sec=60)
        state.put_camera(WireCamera(camera_id=camera_id, courses=(course,)))
    first = {course.camera_id: course for course in state.timetable(ZoneInfo("UTC")).courses}
    state.change_courses(2, [WireCourse(course_id=2, start_time="09:00:00", elapse_sec=60)])
    second = {course.camera_id: course for course in state.timetable(ZoneInfo("UTC")).courses}
    assert second[1] is first[1] and second[2].start_sec == 9 * 3600


def test_a_damaged_token_is_set_aside_and_the_agent_enrols_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    AgentState(tmp_path).set_token("secret")
    (tmp_path / "token").write_bytes(b"\xff\xfe\x00se cret\n")
    state = AgentState(tmp_path)
    assert state.token == ""
    assert len(list(tmp_path.glob("token.damaged-*"))) == 1
    assert "enrols anew" in caplog.text
    (tmp_path / "token").write_bytes(b"secret\r\n")  # by an editor of another system
    assert AgentState(tmp_path).token == "secret"


async def test_the_token_is_written_beside_the_event_loop(tmp_path: Path) -> None:
    state = AgentState(tmp_path, behind=True)
    state.set_token("secret")
    assert state.token == "secret"
    assert not (tmp_path / "token").exists()
    await state.durable()
    assert (tmp_path / "token").read_text() == "secret"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
