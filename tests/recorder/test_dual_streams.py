"""Main and sub stream of one channel: each connected, lost and found again by itself."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.protocol import (
    BeginRecording,
    Event,
    GapFound,
    LinkChanged,
    NeedMain,
    OpenChannel,
    Pulse,
    RecordingBegan,
    RecordingEnded,
    SliceClosed,
    SnapshotTaken,
    TakeSnapshot,
)
from recorder.specs import RecordingSpec, SourceSpec, Tuning
from tests.media import MakeSample, frame_numbers
from tests.recorder.processes import Forks, Recorder, channel, close


def dual(folder: Path, main: Path, sub: Path, **changed: bool) -> OpenChannel:
    order = channel(folder, main, tuning=Tuning())
    return replace(order, sub=SourceSpec("file", str(sub)), **changed)  # type: ignore[arg-type]  # bools for all


def link(recorder: Recorder, stream: str, state: str) -> LinkChanged:
    """Read on until this stream has this state."""
    while (event := recorder.until(LinkChanged)).stream != stream or event.state != state:
        pass
    return event


def links(recorder: Recorder, stream: str) -> list[str]:
    return [event.state for event in recorder.of(LinkChanged) if event.stream == stream]


def picture(recorder: Recorder, request: str) -> tuple[int, int]:
    """The size of a picture taken now."""
    recorder.order(TakeSnapshot(request))
    while (taken := recorder.until(SnapshotTaken)).request != request:
        pass
    assert not taken.error
    return taken.width, taken.height


def until(recorder: Recorder, true: Callable[[Event], bool]) -> None:
    while not true(recorder.until(Pulse)):
        pass


def test_pictures_come_from_the_sub_stream_while_it_is_there(
    forks: Forks, folder: Path, tmp_path: Path, sample: MakeSample
) -> None:
    """Its coming and going costs the recorded main stream no frame, and is told under its own name."""
    main, small = sample(seconds=8, gop_sec=1), sample(seconds=2, gop_sec=1, width=160, height=96)
    sub = tmp_path / "sub.mp4"
    recorder = forks.spawn()
    recorder.order(dual(folder, main, sub))
    assert link(recorder, "sub", "waiting").cause == "not_found"
    until(recorder, lambda _: links(recorder, "main") == ["connecting", "online"])
    recorder.order(BeginRecording(RecordingSpec(11, 5), time.time()))
    recorder.until(RecordingBegan)
    assert picture(recorder, "without") == (320, 180)

    shutil.copy(small, tmp_path / "copy.mp4")
    (tmp_path / "copy.mp4").rename(sub)
    link(recorder, "sub", "online")
    until(recorder, lambda _: picture(recorder, "with") == (160, 96))  # after its first key frame
    os.truncate(sub, 0)  # its next turn finds nothing
    assert link(recorder, "sub", "waiting").cause == "unusable"
    assert picture(recorder, "after") == (320, 180)
    close(forks, recorder)

    assert links(recorder, "main") == ["connecting", "online"]
    assert not recorder.of(GapFound)
    (closed,) = recorder.of(SliceClosed)
    numbers = frame_numbers(closed.facts.path)
    assert numbers[0] is not None
    assert numbers == [(numbers[0] + n) % 200 for n in range(len(numbers))]


def test_the_sub_stream_outlives_the_main_stream(
    forks: Forks, folder: Path, tmp_path: Path, sample: MakeSample
) -> None:
    main = tmp_path / "main.mp4"
    shutil.copy(sample(seconds=2, gop_sec=1), main)
    recorder = forks.spawn()
    recorder.order(dual(folder, main, sample(seconds=2, gop_sec=1, width=160, height=96)))
    until(recorder, lambda _: links(recorder, "main")[-1:] == links(recorder, "sub")[-1:] == ["online"])
    os.truncate(main, 0)
    link(recorder, "main", "waiting")
    assert picture(recorder, "alone") == (160, 96)
    close(forks, recorder)
    assert links(recorder, "sub") == ["connecting", "online"]


def test_a_main_stream_that_rests_between_lessons(
    forks: Forks, folder: Path, tmp_path: Path, sample: MakeSample
) -> None:
    """It is there for a recording, ordered ahead or not, and let go of afterwards; the sub stream stays."""
    recorder = forks.spawn()
    main, sub = sample(seconds=8, gop_sec=1), sample(seconds=2, gop_sec=1, width=160, height=96)
    recorder.order(dual(folder, main, sub, need_main=False))
    link(recorder, "sub", "online")
    assert links(recorder, "main") == ["idle"]
    recorder.order(NeedMain(True))
    link(recorder, "main", "online")
    recorder.order(NeedMain(False))
    link(recorder, "main", "idle")
    begin = time.time()
    recorder.order(BeginRecording(RecordingSpec(11, 5), begin, begin + 2.0))
    link(recorder, "main", "online")
    recorder.until(RecordingEnded)
    link(recorder, "main", "idle")
    close(forks, recorder)
    assert links(recorder, "sub") == ["connecting", "online"]
    # The ring may still hold the end of the connection before: then that is a slice, too, and the break a gap.
    recorded = sum(closed.facts.media_sec for closed in recorder.of(SliceClosed))
    missing = sum(gap.until - gap.since for gap in recorder.of(GapFound))
    assert recorded > 0.5
    assert recorded + missing == pytest.approx(2.0, abs=1.1)  # it begins with a key frame, up to a group early
