"""How soon what was received is in a whole fragment, and how soon that is durable: for any stream and any clock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.mp4.survey import survey
from recorder.names import SliceName, new_uid
from recorder.packets import Packet
from recorder.slices.slice_file import START_WINDOW_SEC, SliceFile
from recorder.slices.slice_meta import SliceMeta
from recorder.stream.timeline import Timeline
from recorder.synced_file import SyncedFile
from tests.media import MakeSample, camera_packets, tracks_of
from tests.recorder.mp4.test_survey import reader
from tests.recorder.test_synced_file import append


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cadence")


steps = st.lists(st.tuples(st.floats(0.001, 1.5), st.sampled_from(["append", "tick", "backward"])), max_size=60)


@given(steps, st.sampled_from([0.0, 0.5, 2.0]), st.floats(0, 1e6))
def test_no_byte_stays_unsynced_for_longer_than_the_cadence(
    folder: Path, acts: list[tuple[float, str]], sync_sec: float, start: float
) -> None:
    """When the writer looks, what is older than `sync_sec` is durable after it; nothing is written over what is not."""
    clock = Clock()
    clock.now = start
    file = SyncedFile(folder / new_uid(), sync_sec, clock)
    head = b"12345678"
    file.begin(head)
    pending: dict[int, float] = {}  # end of what was written, when
    try:
        for step, act in acts:
            clock.now += step
            appended = file.end
            if act == "tick":
                file.sync_if_due()
            elif act == "append" or file.end == len(head):
                append(file, b"x" * 100)
                pending[file.end] = clock.now
            else:
                file.rewrite_head(head)
                assert file.synced_end >= appended
            pending = {end: at for end, at in pending.items() if end > file.synced_end}
            if act != "backward":
                assert all(clock.now - at < sync_sec for at in pending.values())
    finally:
        file.close()
        file.path.unlink()


@pytest.fixture(scope="module")
def film(sample: MakeSample) -> list[Packet]:
    return camera_packets(sample(seconds=4), 8.0)


streams = st.tuples(
    st.sampled_from([0.2, 0.5, 1.0, 2.0]),  # a fragment
    st.lists(st.floats(0.01, 0.9), min_size=5, max_size=60),  # distances of pictures
    st.sampled_from(["both", "picture", "late sound", "sound ends"]),
    st.booleans(),  # key frames far apart
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(streams)
def test_what_is_written_is_whole_after_a_fragment(
    folder: Path, film: list[Packet], stream: tuple[float, list[float], str, bool]
) -> None:
    """At any moment the file on disk ends with a whole fragment, whatever the key frames' distance, and lacks no more
    than a fragment, what sound may be late by, and the pauses around the last packets.
    """
    fragment_sec, distances, kind, far = stream
    video = [one for one in film if one.track.kind == "video"]
    audio = [one for one in film if one.track.kind == "audio"]
    timeline, at, packets = Timeline(), 0.0, []
    for n, distance in enumerate(distances):
        one = video[n % len(video)]
        stamp = round(at / one.track.time_base)
        key = n == 0 if far else one.is_key
        packets.append(replace(one, dts=stamp, pts=stamp, duration=0, is_key=key, arrival=at))
        at += distance
    if kind != "picture":
        length = at / 2 if kind == "sound ends" else at
        delay = 0.4 if kind == "late sound" else 0.0
        step = float(1024 * audio[0].track.time_base)
        for n in range(int(length / step)):
            stamp = n * 1024
            packets.append(replace(audio[n % len(audio)], dts=stamp, pts=stamp, arrival=n * step + delay))
    packets.sort(key=lambda one: one.arrival)
    while packets[0].track.kind == "audio":
        del packets[0]
    lineup = timeline.begin_session(tracks_of(packets))
    name = SliceName(new_uid(), 7, 1_700_000_000, 5, 11, 1)
    meta = SliceMeta(7, 5, 11, 1, 1_700_000_000.0)
    clock = Clock()
    file = SliceFile(folder, name, lineup.tracks, meta, fragment_sec=fragment_sec, sync_sec=0.0, monotonic=clock)
    longest = max(distances)
    try:
        for packet in packets:
            clock.now = packet.arrival
            timed = timeline.repair(packet)
            file.write(timed)
            data = file.path.read_bytes()
            found = survey(reader(data), len(data))
            assert not found.closed
            assert file.empty or found.usable == len(data)
            lag = timed.at - (file.durable_at if file.durable_at is not None else 0.0)
            assert lag <= max(fragment_sec, START_WINDOW_SEC) + START_WINDOW_SEC + 2 * longest
    finally:
        file.abandon()
        file.path.unlink()
