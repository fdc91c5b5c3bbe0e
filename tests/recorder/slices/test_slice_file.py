"""One slice on disk while it grows and when it is closed; codecs, stamps, metadata, thumbnails."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import pytest

from recorder.names import SliceName, new_uid
from recorder.packets import Packet
from recorder.slices.finisher import make_thumbnail
from recorder.slices.slice_file import Candidates, SliceFile
from recorder.slices.slice_meta import SliceMeta, read_comment
from recorder.stream.timeline import Timeline
from tests.media import MakeSample, assert_plays, boxes, camera_packets, frame_numbers, packets_in, tracks_of

NAME = SliceName("0" * 32, 7, 1_700_000_000, 5, 11, 2)
META = SliceMeta(7, 5, 11, 2, 1_700_000_000.5, 1.25, '课 "1"')


def opened(folder: Path, packets: list[Packet]) -> tuple[SliceFile, Timeline]:
    timeline = Timeline()
    lineup = timeline.begin_session(tracks_of(packets))
    return SliceFile(folder, NAME, lineup.tracks, META, fragment_sec=1.0, sync_sec=1.0), timeline


@pytest.mark.parametrize(
    ("wanted", "entry"),
    [
        ({"codec": "h264", "b_frames": 2}, b"avc1"),
        ({"codec": "hevc"}, b"hvc1"),
        ({"codec": "mjpeg"}, b"mp4v"),
        ({"audio": False}, b"avc1"),
        ({"video": False}, b"mp4a"),
    ],
)
def test_every_codec_keeps_packets_and_stamps(
    tmp_path: Path, sample: MakeSample, wanted: dict[str, object], entry: bytes
) -> None:
    packets = camera_packets(sample(**wanted), 4.0)
    file, timeline = opened(tmp_path, packets)
    for packet in packets:
        file.write(timeline.repair(packet))
    file.seal()
    facts = file.finish(None)
    assert entry in Path(facts.path).read_bytes()
    assert_plays(facts.path)
    shifts = []
    for track in tracks_of(packets):
        before = [one for one in packets if one.track is track]
        after = packets_in(facts.path, track.kind)
        assert len(after) == len(before)
        shifts += [(p.pts or 0) * track.time_base - q.pts for p, q in zip(before, after, strict=True)]
        shifts += [(p.dts or 0) * track.time_base - q.dts for p, q in zip(before, after, strict=True)]
        assert all(q.dts >= 0 for q in after)
    assert max(shifts) - min(shifts) < 0.001
    if wanted.get("video") is not False:
        assert frame_numbers(facts.path) == list(range(100))
    assert facts.media_sec == pytest.approx(4.0, abs=0.15)
    assert facts.packets == len(packets)


def test_the_growing_file_is_readable_about_every_second(tmp_path: Path, sample: MakeSample) -> None:
    """Key frames are 4 s apart: fragments do not wait for them."""
    packets = camera_packets(sample(seconds=8, gop_sec=4), 7.9)
    file, timeline = opened(tmp_path, packets)
    for packet in packets:
        file.write(timeline.repair(packet))
        if packet.arrival > 2.5 and packet.track.kind == "video":
            with av.open(str(file.path)) as container:
                last = max(float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None)
            assert last > packet.arrival - 2.0
    kinds = [box.kind for box in boxes(file.path)]
    assert kinds.count("moof") >= 6
    file.abandon()


def test_closed_it_is_an_ordinary_file_that_says_what_it_is(tmp_path: Path, sample: MakeSample) -> None:
    packets = camera_packets(sample(), 4.0)
    file, timeline = opened(tmp_path, packets)
    for packet in packets:
        file.write(timeline.repair(packet))
    file.seal()
    assert file.path.name.endswith(".mp4.part")
    facts = file.finish("/somewhere.jpg")
    assert [box.kind for box in boxes(facts.path)] == ["ftyp", "mdat", "moov"]
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME.stem}_4.mp4"]
    with av.open(facts.path) as container:
        assert container.metadata["title"] == META.title
        comment = container.metadata["comment"]
    assert json.loads(comment)["title"] == META.title
    assert read_comment(comment, NAME) == META
    assert (facts.started_at, facts.overlap_sec, facts.thumbnail) == (META.started_at, 1.25, "/somewhere.jpg")


def test_a_camera_whose_clock_stands_loses_no_more_than_a_second(tmp_path: Path, sample: MakeSample) -> None:
    packets = [one for one in camera_packets(sample(seconds=8, audio=False), 8.0) if one.track.kind == "video"]
    file, timeline = opened(tmp_path, packets)
    for number, packet in enumerate(packets):
        file.write(timeline.repair(replace(packet, dts=0, pts=0)))
        if packet.arrival > 1.5:
            with av.open(str(file.path)) as container:
                found = sum(1 for one in container.demux(video=0) if one.size)
            assert number - found <= 26
    file.seal()
    assert frame_numbers(file.finish(None).path) == list(range(200))


def test_silent_sound_does_not_hold_the_picture_back(tmp_path: Path, sample: MakeSample) -> None:
    packets = camera_packets(sample(seconds=8), 8.0)
    file, timeline = opened(tmp_path, packets)
    for packet in packets:
        if packet.track.kind == "video" or packet.arrival < 2.0:
            file.write(timeline.repair(packet))
    with av.open(str(file.path)) as container:
        assert sum(1 for p in container.demux(video=0) if p.size) >= 6 * 25
    file.seal()
    facts = file.finish(None)
    assert frame_numbers(facts.path) == list(range(200))
    assert_plays(facts.path)


@pytest.mark.parametrize("comment", ["", "{}", "[]", "nonsense", '{"started_at":"x","overlap_sec":0,"title":""}'])
def test_without_a_comment_the_name_tells(comment: str) -> None:
    assert read_comment(comment, NAME) == SliceMeta(7, 5, 11, 2, 1_700_000_000.0)


def test_candidates_are_few_and_from_all_over(sample: MakeSample) -> None:
    packets = camera_packets(sample(seconds=16, gop_sec=1, audio=False), 64.0)
    timeline = Timeline()
    timeline.begin_session(tracks_of(packets))
    candidates = Candidates[Packet]()
    keys = [timed for timed in map(timeline.repair, packets) if timed.opens]
    for timed in keys:
        candidates.offer(timed.packet)
    kept = candidates.best_first()
    assert 2 <= len(kept) <= 5
    assert 0.2 < (kept[0].dts or 0) / (keys[-1].packet.dts or 1) < 0.8


def test_a_thumbnail_is_not_black_where_another_can_be_had(tmp_path: Path, sample: MakeSample) -> None:
    good = next(p for p in camera_packets(sample(), 1.0) if p.is_key and p.track.kind == "video")
    black = _black(tmp_path)
    damaged = Packet(good.track, b"\0" * 50, 0, 0, 0, True, 0.0)
    both = make_thumbnail([damaged, black, good], tmp_path / "both.mp4")
    assert both == str(tmp_path / "both.jpg")
    only_good = make_thumbnail([good], tmp_path / "good.mp4")
    assert only_good is not None
    assert Path(both).read_bytes() == Path(only_good).read_bytes()
    assert make_thumbnail([black], tmp_path / "black.mp4") is not None
    assert make_thumbnail([damaged], tmp_path / "none.mp4") is None
    assert make_thumbnail([], tmp_path / "none.mp4") is None


def _black(folder: Path) -> Packet:
    path = folder / f"{new_uid()}.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "log=-1"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        frame = av.VideoFrame(320, 180, "yuv420p")
        for plane, level in zip(frame.planes, (16, 128, 128), strict=True):
            plane.update(bytes([level]) * plane.buffer_size)
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    return next(p for p in camera_packets(path, 0.01) if p.is_key)
