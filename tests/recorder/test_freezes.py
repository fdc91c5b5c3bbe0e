"""A recorder that stands still for a while, as by SIGSTOP or where a hypervisor moves the machine: what the camera sent
meanwhile lies in the system's buffers, and nobody has been silent but the recorder.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.camera.camera import Camera
from tests.camera.film import FilmSpec, make_film
from tests.recorder.scene import LIMITS, READERS, check_files, check_whole, scene, spec_of

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("reader", READERS)]


def test_a_process_that_stood_still_takes_what_waits(tmp_path: Path, reader: str) -> None:
    """Longer than twice the stall limit, after which a camera would be called silent."""
    with Camera(make_film(FilmSpec(seconds=60))) as camera, scene(tmp_path, spec_of(camera, reader)) as stage:
        stage.online()
        stage.begin()
        stage.recorded(2.0)
        for _ in range(3):
            os.kill(stage.recorder.pid, signal.SIGSTOP)
            time.sleep(2.5 * LIMITS.stall_sec)  # the fault itself
            os.kill(stage.recorder.pid, signal.SIGCONT)
            stage.recorded(1.0)
        stage.end()
        recorded = stage.close()
    assert len(check_whole(camera, recorded, "video")) == 1
    check_whole(camera, recorded, "audio")
    assert not recorded.gaps
    assert not recorded.causes
    check_files(recorded)
