"""Fixtures of our own MP4."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.names import SliceName, new_uid
from recorder.slice_file import SliceFile
from recorder.slice_meta import SliceMeta
from recorder.timeline import Timeline
from tests.media import MakeSample, camera_packets, tracks_of


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, sample: MakeSample) -> tuple[bytes, bytes]:
    """A slice as it grows, and as it is when it is closed."""
    folder = tmp_path_factory.mktemp("boxes")
    timeline = Timeline()
    packets = camera_packets(sample(), 4.0)
    lineup = timeline.begin_session(tracks_of(packets))
    name = SliceName(new_uid(), 7, 1_700_000_000, 5, 11, 1)
    meta = SliceMeta(7, 5, 11, 1, 1_700_000_000.0)
    file = SliceFile(folder, name, lineup.tracks, meta, fragment_sec=1.0, sync_sec=1.0)
    for packet in packets:
        file.write(timeline.repair(packet))
    growing = file.path.read_bytes()
    file.seal()
    return growing, Path(file.finish(None).path).read_bytes()
