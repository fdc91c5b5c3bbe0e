"""Lessons that meet a camera at an awkward moment: every packet in its file, and every file plays."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from recorder.specs import Tuning
from tests.camera.camera import Camera
from tests.camera.faults import Fault
from tests.camera.film import FilmSpec, make_film
from tests.camera.rtp import RtpPacket
from tests.camera.session import Session
from tests.media import packets_in
from tests.recorder.scene import (
    CLOCK_SEC,
    PLAYED_WITH,
    check_files,
    check_whole,
    matched,
    scene,
    spec_of,
)

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("reader", PLAYED_WITH)]


class SoundLater(Fault):
    """No sound leaves until it is mended."""

    def packets(self, session: Session, packets: list[RtpPacket]) -> list[RtpPacket]:
        return packets if packets[0].payload_type == 96 else []


def test_sound_that_begins_late_stands_where_it_was_heard(tmp_path: Path, reader: str) -> None:
    """In a file that knows of it, and was written as far as that without any."""
    with Camera(make_film(FilmSpec(seconds=60))) as camera:
        late = SoundLater()
        camera.inject(late)
        with scene(tmp_path, spec_of(camera, reader)) as stage:
            stage.online()
            stage.begin()
            stage.recorded(4.0)
            camera.mend(late)
            stage.recorded(3.0)
            stage.end()
            recorded = stage.close()
    check_whole(camera, recorded, "video")
    check_files(recorded)
    (facts,) = recorded.slices
    pictures, sounds = packets_in(facts.path, "video"), packets_in(facts.path, "audio")
    log = {kind: [one for one in camera.sent if one.kind == kind] for kind in ("video", "audio")}
    first_picture = log["video"][matched(log["video"], pictures)[0]].unit
    first_sound = log["audio"][matched(log["audio"], sounds)[0]].unit
    film_sec = first_sound.pts / 16_000 - first_picture.pts / 90_000
    assert float(sounds[0].pts - pictures[0].pts) == pytest.approx(film_sec, abs=0.05)
    assert film_sec > 3.0


def test_a_camera_that_comes_back_with_another_codec(tmp_path: Path, reader: str) -> None:
    with Camera(make_film(FilmSpec(seconds=60))) as camera, scene(tmp_path, spec_of(camera, reader)) as stage:
        stage.online()
        stage.begin()
        stage.recorded(2.0)
        camera.reboot(make_film(FilmSpec(seconds=60, video="hevc", audio="pcm_alaw", first=5000)))
        stage.online(2)
        stage.recorded(2.0)
        stage.end()
        recorded = stage.close()
    assert len(check_whole(camera, recorded, "video", tail=3)) == 2
    assert [facts.video.split()[0] for facts in recorded.slices] == ["h264", "hevc"]
    assert [gap.cause for gap in recorded.gaps] in (["ended"], ["unreachable"])
    check_files(recorded)


def test_short_lessons_and_one_by_hand_beside_each_other(tmp_path: Path, reader: str) -> None:
    """Groups of four seconds: a lesson of a second stands within one, and begins with the key frame before it."""
    film = make_film(FilmSpec(seconds=60, gop=100))
    with (
        Camera(film) as camera,
        scene(tmp_path, spec_of(camera, reader), tuning=Tuning(slice_sec=1.0, inter_val=2)) as stage,
    ):
        stage.online()
        stage.begin(1)  # by hand
        start = time.time() + 5.0
        lessons = {2: (start, start + 1.0), 3: (start + 1.0, start + 2.0), 4: (start + 0.5, start + 6.5)}
        for slice_id, (begin_at, end_at) in lessons.items():
            stage.begin(slice_id, begin_at, end_at)
        for slice_id in lessons:
            stage.ended(slice_id)
        stage.end(1)
        recorded = stage.close()
    assert not recorded.gaps
    assert not recorded.causes
    check_files(recorded)
    sent = [one for one in camera.sent if one.kind == "video"]
    for slice_id in (1, *lessons):
        slices = [facts for facts in recorded.slices if facts.slice_id == slice_id]
        places: list[int] = []
        for facts in slices:
            found = matched(sent, packets_in(facts.path, "video"))
            repeated = round(facts.overlap_sec * 25)
            assert places[len(places) - repeated :] == found[:repeated]
            places += found[repeated:]
        assert places == list(range(places[0], places[-1] + 1))
        if slice_id in lessons:
            begin_at, end_at = lessons[slice_id]
            assert sent[places[0]].at < begin_at + CLOCK_SEC
            assert sent[places[0]].at > begin_at - 4.0 - CLOCK_SEC
            assert sent[places[-1]].at == pytest.approx(end_at, abs=CLOCK_SEC)
