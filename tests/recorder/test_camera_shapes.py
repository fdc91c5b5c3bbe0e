"""Streams of every shape: B-frames, open and long groups, sound alone, parameter sets that change, new settings."""

from __future__ import annotations

import itertools
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from av.bitstream import BitStreamFilterContext

from recorder import parameter_sets
from recorder.protocol import Retune, SliceClosed
from recorder.sample import read_frame_number
from recorder.specs import SliceFacts, Tuning
from tests.camera.boot import Habits
from tests.camera.camera import Camera
from tests.camera.film import FilmSpec, make_film, splice
from tests.camera.packetise import SetsIn
from tests.media import frame_numbers, packets_in
from tests.recorder.processes import Forks
from tests.recorder.scene import (
    CLOCK_SEC,
    PLAYED_WITH,
    Recorded,
    check_files,
    check_whole,
    matched,
    scene,
    spec_of,
    together,
)

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("reader", PLAYED_WITH)]


def check_one_piece(recorded: Recorded, slices: int) -> None:
    """So many slices at least, no gap, no reconnect, every file in order."""
    assert len(recorded.slices) >= slices
    assert not recorded.gaps
    assert not recorded.causes
    check_files(recorded)


SHAPES: dict[str, dict[str, Any]] = {
    "h264": {},
    "h264 B": {"b_frames": 2},
    "h264 B open": {"b_frames": 2, "open_gop": True},
    "hevc": {"video": "hevc"},
    "hevc B open": {"video": "hevc", "b_frames": 2, "open_gop": True},
}


def test_groups_of_every_kind_are_cut_without_loss(tmp_path: Path, reader: str) -> None:
    """Each with its parameter sets in the SDP, in band, and in both."""

    def act(forks: Forks, shape: str, sets_in: SetsIn) -> tuple[Camera, Recorded]:
        film = make_film(FilmSpec(seconds=30, **SHAPES[shape]))
        folder = tmp_path / shape / sets_in
        tuning = Tuning(slice_sec=1.5)
        with (
            Camera(film, Habits(sets_in=sets_in)) as camera,
            scene(folder, spec_of(camera, reader), tuning=tuning, forks=forks) as stage,
        ):
            stage.online()
            stage.begin()
            stage.recorded(3.5)
            stage.end()
            return camera, stage.close()

    places: tuple[SetsIn, ...] = ("sdp", "band", "both")
    acts = {
        f"{shape} {sets_in}": partial(act, shape=shape, sets_in=sets_in)
        for shape, sets_in in itertools.product(SHAPES, places)
    }
    for name, (camera, recorded) in together(acts).items():
        print(name)
        check_whole(camera, recorded, "video")
        check_whole(camera, recorded, "audio")
        assert len(recorded.slices) >= 3
        assert not recorded.gaps
        assert not recorded.causes
        if "open" not in name:
            check_files(recorded)
        # The pictures before an open key frame lean on the group before it, which is in the slice before it: the
        # slices together play whole.  The end may come between a picture and those that are shown before it.
        numbers = _numbers_joined(recorded, tmp_path / "joined")
        assert len(numbers) >= len(recorded.packets("video")) - 2
        numbers = numbers[:-3] if "B" in name else numbers
        assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))


@pytest.mark.parametrize("sets_in", ["sdp", "band"])
def test_a_smart_codec_with_long_groups_is_cut_only_where_it_can_be(tmp_path: Path, reader: str, sets_in: Any) -> None:
    film = make_film(FilmSpec(seconds=40, gop=100))
    habits = Habits(sets_in=sets_in, joins="any")
    with (
        Camera(film, habits) as camera,
        scene(tmp_path, spec_of(camera, reader), tuning=Tuning(slice_sec=1.0)) as stage,
    ):
        stage.online()
        stage.begin()
        stage.recorded(6.0)
        stage.end()
        recorded = stage.close()
    check_whole(camera, recorded, "video")
    check_whole(camera, recorded, "audio")
    # Nobody can show what comes before the first key frame: where that is late, it is said.
    late = [gap for gap in recorded.gaps if gap.cause == "no_key_frame"]
    assert recorded.gaps == late
    for gap in late:
        first = recorded.slices[0].started_at
        assert first - 4.0 - CLOCK_SEC < gap.since < gap.until < first + CLOCK_SEC
    assert not recorded.causes
    check_files(recorded)
    assert len(recorded.slices) >= 2
    for facts in recorded.slices[:-1]:
        assert len(packets_in(facts.path, "video")) == 100


def test_sound_alone_is_cut_by_time(tmp_path: Path, reader: str) -> None:
    film = make_film(FilmSpec(seconds=40, video=""))
    with Camera(film) as camera, scene(tmp_path, spec_of(camera, reader), tuning=Tuning(slice_sec=1.0)) as stage:
        stage.online()
        stage.begin()
        stage.recorded(4.0)
        stage.end()
        recorded = stage.close()
    check_whole(camera, recorded, "audio")
    check_one_piece(recorded, 4)
    for facts in recorded.slices[:-1]:
        assert facts.media_sec == pytest.approx(1.0, abs=0.07)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_parameter_sets_that_change_begin_a_new_slice(tmp_path: Path, reader: str, codec: Any) -> None:
    small = make_film(FilmSpec(seconds=6, video=codec))
    large = make_film(FilmSpec(seconds=30, video=codec, width=192, height=112, first=5000))
    with Camera(splice(small, large)) as camera, scene(tmp_path, spec_of(camera, reader)) as stage:
        stage.online()
        stage.begin()
        stage.until("a slice", lambda events: any(isinstance(event, SliceClosed) for event in events))
        stage.recorded(1.0)
        stage.end()
        recorded = stage.close()
    check_whole(camera, recorded, "video")
    check_whole(camera, recorded, "audio")
    check_one_piece(recorded, 2)
    assert [facts.video for facts in recorded.slices] == [f"{codec} 160x96", f"{codec} 192x112"]
    assert [event.reason for event in recorded.of(SliceClosed)] == ["codec", "end"]
    assert max(number or 0 for number in frame_numbers(recorded.slices[0].path)) < 5000
    assert min(number or 0 for number in frame_numbers(recorded.slices[1].path)) == 5000


def test_slicing_and_overlap_change_while_recording(tmp_path: Path, reader: str) -> None:
    film = make_film(FilmSpec(seconds=60))
    with Camera(film) as camera, scene(tmp_path, spec_of(camera, reader), tuning=Tuning(slice_sec=1.0)) as stage:
        stage.online()
        stage.begin()
        stage.recorded(2.5)
        stage.order(Retune(Tuning(slice_sec=2.0, inter_val=2)))
        stage.recorded(5.0)
        stage.order(Retune(Tuning(slice_sec=0.0)))
        stage.recorded(2.5)
        stage.end()
        recorded = stage.close()
    check_one_piece(recorded, 4)
    # Without what each repeats of the one before it: every picture once.
    digests: list[str] = []
    groups: list[float] = []  # of ten frames each
    for before, facts in pairwise((None, *recorded.slices)):
        assert facts is not None
        packets = packets_in(facts.path, "video")
        repeated = round(facts.overlap_sec * 25)
        if repeated:
            groups.append(repeated / 10)
            assert [one.digest for one in packets[:repeated]] == digests[-repeated:]
            assert before is not None
        digests += [one.digest for one in packets[repeated:]]
    sent = [one.unit.digest for one in camera.sent if one.kind == "video"]
    first = sent.index(digests[0])
    assert digests == sent[first : first + len(digests)]
    lengths = [facts.media_sec - facts.overlap_sec for facts in recorded.slices]
    assert min(lengths[:2]) > 0.7
    assert groups[0] in (1, 2), "the first cut has what was held"
    assert groups[1:] == [2] * (len(groups) - 1) != []
    assert lengths[-1] > 2.0, "no slicing any more"


def test_touching_lessons_hand_over(tmp_path: Path, reader: str) -> None:
    film = make_film(FilmSpec(seconds=60, gop=25))
    with Camera(film) as camera, scene(tmp_path, spec_of(camera, reader), tuning=Tuning(slice_sec=60)) as stage:
        stage.online()
        start = time.time() + 0.5
        middle = start + 3.0
        stage.begin(1, start, middle)
        stage.begin(2, middle, middle + 3.0)
        stage.ended(2)
        recorded = stage.close()
    check_one_piece(recorded, 2)
    sent = [one for one in camera.sent if one.kind == "video"]
    first, second = (_places(sent, facts) for facts in recorded.slices)
    for places in (first, second):
        assert places == list(range(places[0], places[0] + len(places)))
    assert second[0] <= first[-1] + 1, "a frame between the lessons is in neither"
    assert second[0] > first[-1] - 25
    assert sent[first[-1]].at == pytest.approx(middle, abs=0.5)


def _numbers_joined(recorded: Recorded, path: Path) -> list[int | None]:
    """The numbers of all pictures of the slices, played as one stream."""
    with path.open("wb") as joined:
        for facts in recorded.slices:
            with av.open(facts.path) as container:
                stream = container.streams.video[0]
                codec: Any = stream.codec_context.codec.canonical_name
                sets = parameter_sets.sets_in_extradata(codec, stream.codec_context.extradata or b"")
                joined.write(parameter_sets.annex_b(sets))
                filters = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
                for packet in container.demux(stream):
                    for made in filters.filter(packet if packet.size else None):
                        joined.write(bytes(made))
    with av.open(str(path), format=recorded.slices[0].video.split()[0]) as container:
        return [read_frame_number(frame) for frame in container.decode(video=0)]


def _places(sent: Any, facts: SliceFacts) -> list[int]:
    return matched(sent, packets_in(facts.path, "video"))
