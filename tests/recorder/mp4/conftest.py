"""Fixtures of our own MP4."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media import MakeSample, camera_packets
from tests.recorder.slices.opened import open_slice


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, sample: MakeSample) -> tuple[bytes, bytes]:
    """A slice as it grows, and as it is when it is closed."""
    folder = tmp_path_factory.mktemp("boxes")
    file = open_slice(folder, camera_packets(sample(), 4.0))
    growing = file.path.read_bytes()
    file.seal()
    return growing, Path(file.finish(None).path).read_bytes()
