"""What the fork server does before it forks."""

from __future__ import annotations

import subprocess
import sys

_TELL = """
import os
from recorder.process import allocator
from recorder.process.warmup import warm_up
allocator.be_frugal()
warm_up()
print(len(os.listdir("/proc/self/task")))
"""


def test_no_thread_is_left_to_a_process_that_forks() -> None:
    told = subprocess.run([sys.executable, "-W", "error", "-c", _TELL], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "1"
    assert told.stderr == ""
