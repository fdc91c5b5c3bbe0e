"""What cameras do to a recorder: faults of a camera of our own, a real recorder process, and every packet compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from recorder.protocol import LinkChanged
from recorder.stream.backoff import QUICK_SEC
from tests.camera.boot import Habits
from tests.camera.camera import Camera
from tests.camera.faults import Answer, Drip, HalfOpen, Silence
from tests.camera.film import FilmSpec, make_film
from tests.media import frame_numbers
from tests.recorder.processes import Forks
from tests.recorder.scene import (
    LIMITS,
    PLAYED_WITH,
    Recorded,
    Scene,
    check_files,
    check_gaps,
    check_whole,
    scene,
    spec_of,
    together,
)

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("reader", PLAYED_WITH)]

FILM = FilmSpec(seconds=60)
OTHER = FilmSpec(seconds=60, width=192, height=112, first=5000, gop=15)
GOP_SEC = 0.4
# What a machine with other things to do may add to a loss.
BUSY_SEC = 4.0


def settled(stage: Scene) -> tuple[int, int]:
    """Online, recording, and what the process has open then."""
    stage.online()
    stage.begin()
    stage.recorded(1.0)
    return stage.census()


def test_a_camera_that_falls_silent(tmp_path: Path, reader: str) -> None:
    """Altogether; or to this client alone, with and without a byte now and then."""

    def act(forks: Forks, fault: type[Silence | HalfOpen | Drip]) -> tuple[Camera, Recorded]:
        folder = tmp_path / fault.__name__
        with Camera(make_film(FILM)) as camera, scene(folder, spec_of(camera, reader), forks=forks) as stage:
            before = settled(stage)
            wrong = fault()
            camera.inject(wrong)
            stage.lost()
            camera.mend(wrong)
            stage.online(2)
            stage.recorded(1.0)
            assert stage.census() == before, "something of the lost connection is still there"
            stage.end()
            return camera, stage.close()

    acts = {fault.__name__: partial(act, fault=fault) for fault in (Silence, HalfOpen, Drip)}
    for name, (camera, recorded) in together(acts).items():
        sessions = check_whole(camera, recorded, "video")
        check_whole(camera, recorded, "audio")
        (gap_sec,) = check_gaps(recorded, sessions, "stalled")
        print(f"{name}: a gap of {gap_sec:.2f} s")
        assert gap_sec < LIMITS.stall_sec + 2 * QUICK_SEC + GOP_SEC + BUSY_SEC
        assert [facts.slice_inx for facts in recorded.slices] == [1, 2]
        check_files(recorded)


def test_a_camera_that_pauses_for_less_than_the_stall_limit_loses_nothing(tmp_path: Path, reader: str) -> None:
    with Camera(make_film(FILM)) as camera, scene(tmp_path, spec_of(camera, reader)) as stage:
        settled(stage)
        pause = Silence(skips=False)
        camera.inject(pause)
        assert not camera.sessions[-1].torn_down
        camera.sessions[-1].wait(LIMITS.stall_sec / 2)
        pause.end()
        camera.mend(pause)
        stage.recorded(2.0)
        stage.end()
        recorded = stage.close()
    assert len(check_whole(camera, recorded, "video")) == 1
    assert len(check_whole(camera, recorded, "audio")) == 1
    assert not recorded.gaps
    assert not recorded.causes
    check_files(recorded)


def test_a_camera_that_reboots_comes_back_as_another(tmp_path: Path, reader: str) -> None:
    """Connections reset, port closed; then other parameter sets, another SSRC, stamps from zero, no key frame first."""
    with Camera(make_film(FILM)) as camera, scene(tmp_path, spec_of(camera, reader)) as stage:
        before = settled(stage)
        camera.power_down()
        stage.lost(2)
        camera.reboot(make_film(OTHER), Habits(joins="any", stamps_from=0, sets_in="sdp"))
        stage.online(2)
        stage.recorded(1.0)
        assert stage.census() == before
        stage.end()
        recorded = stage.close()
    sessions = check_whole(camera, recorded, "video", tail=2)
    check_whole(camera, recorded, "audio", tail=2)
    check_gaps(recorded, sessions, "ended")
    assert [session[0].boot for session in sessions] == [0, 1]
    check_files(recorded)
    for facts, label, lowest in zip(recorded.slices, ("h264 160x96", "h264 192x112"), (0, 5000), strict=True):
        numbers = frame_numbers(facts.path)
        assert facts.video == label
        assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))
        assert (numbers[0] or 0) // 5000 == lowest // 5000
    states = [event.cause for event in recorded.of(LinkChanged) if event.state == "waiting"]
    assert states[0] == "ended"
    assert set(states[1:]) == {"unreachable"}


def test_a_camera_that_hangs_up_again_and_again_is_not_hammered(tmp_path: Path, reader: str) -> None:
    with Camera(make_film(FILM)) as camera, scene(tmp_path, spec_of(camera, reader)) as stage:
        settled(stage)
        for times in range(1, 5):
            camera.hang_up()
            stage.online(times + 1)
        stage.recorded(1.0)
        stage.end()
        recorded = stage.close()
    check_whole(camera, recorded, "video", tail=2)
    waits = [event.retry_sec for event in recorded.of(LinkChanged) if event.state == "waiting"]
    assert len(waits) == 4
    assert waits[0] <= 2 * QUICK_SEC
    for doublings, wait in enumerate(waits[1:]):
        wanted = min(LIMITS.retry_max_sec, LIMITS.retry_min_sec * 2**doublings)
        assert 0.8 * wanted - 0.001 <= wait <= wanted + 0.001
    assert {gap.cause for gap in recorded.gaps} <= {"ended"}
    check_files(recorded)


def test_a_camera_that_refuses_while_the_old_session_lives_is_asked_again(tmp_path: Path, reader: str) -> None:
    """Cameras with live555 count a session whose connection broke until it expires."""
    habits = Habits(sessions=1, session_sec=2.0)
    with Camera(make_film(FILM), habits) as camera, scene(tmp_path, spec_of(camera, reader)) as stage:
        settled(stage)
        camera.inject(silent := HalfOpen())
        stage.online(2)
        camera.mend(silent)
        stage.recorded(1.0)
        stage.end()
        recorded = stage.close()
    sessions = check_whole(camera, recorded, "video")
    check_gaps(recorded, sessions, "stalled")
    check_files(recorded)
    assert len(recorded.causes) >= 2, "the camera never refused"


def test_a_camera_whose_password_was_changed_is_named_and_not_hammered(tmp_path: Path, reader: str) -> None:
    with Camera(make_film(FILM)) as camera, scene(tmp_path, spec_of(camera, reader)) as stage:
        settled(stage)
        locked = Answer(
            "DESCRIBE", b"RTSP/1.0 401 Unauthorized\r\nCSeq: %cseq\r\nWWW-Authenticate: Basic realm=x\r\n\r\n"
        )
        camera.inject(locked)
        camera.hang_up()
        stage.lost(4)
        camera.mend(locked)
        stage.online(2)
        stage.recorded(1.0)
        stage.end()
        recorded = stage.close()
    sessions = check_whole(camera, recorded, "video", tail=2)
    check_gaps(recorded, sessions, "ended")
    assert recorded.causes[1:4] == ["unauthorized"] * 3
    check_files(recorded)
