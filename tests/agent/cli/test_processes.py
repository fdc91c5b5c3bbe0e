"""The commands as processes: a lesson from a film to the list, and a service under a service manager."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.media import MakeSample

LIMIT_SEC = 30


@contextmanager
def started(*arguments: str | Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """`gather-agent arguments...` in a session of its own, gone afterwards or after `LIMIT_SEC`, whatever happens."""
    command = [sys.executable, "-m", "agent.cli", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        env=os.environ | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    limit = threading.Timer(LIMIT_SEC, _end, (process.pid,))
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        if process.poll() is None:
            _end(process.pid)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    """The first line with `wanted` in it; fails with everything read when the process ends before."""
    assert process.stdout is not None
    read = []
    for line in process.stdout:
        read.append(line)
        if wanted in line:
            return line
    pytest.fail("".join(read))


def test_a_lesson_from_a_film_to_the_list(tmp_path: Path, sample: MakeSample) -> None:
    home = tmp_path / "home"
    with started("standalone", "--source", sample(), "--home", home, GATHER__STANDALONE__PORT="0") as process:
        assert "Console: http://127.0.0.1:" in read_until(process, "Console")
        read_until(process, "Now recording")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate()
        assert process.returncode == 0, rest
    assert "is uploaded" in rest
    assert "Uploaded and listed: 1. " in rest
    (stored,) = (home / "server/recordings").rglob("*.mp4")
    assert stored.stat().st_size > 1000
    assert not (home / "run/control.sock").exists()


def test_a_service_manager_hears_ready_status_and_stopping(tmp_path: Path) -> None:
    home = tmp_path / "home"
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(LIMIT_SEC)
        fed = threading.Event()

        def hear() -> None:
            """All the time, as systemd does: the kernel keeps ten datagrams and drops what comes then."""
            with suppress(TimeoutError):
                while "STOPPING=1" not in heard:
                    heard.append(manager.recv(500).decode())
                    if len(heard) >= 5:
                        fed.set()

        hearing = threading.Thread(target=hear)
        hearing.start()
        with started("run", "--home", home, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="600000") as process:
            assert fed.wait(LIMIT_SEC), heard
            asked = subprocess.run(
                [sys.executable, "-m", "agent.cli", "status", "--home", home, "--json"],
                capture_output=True,
                text=True,
                timeout=LIMIT_SEC,
                check=False,
            )
            process.send_signal(signal.SIGTERM)
            log, _ = process.communicate()
        hearing.join()
    assert heard[0] == "READY=1"
    assert heard[1].startswith("STATUS=recording 0 of 0 channels, 0 slices to upload, server: none")
    assert heard[2] == "WATCHDOG=1"
    assert (asked.returncode, json.loads(asked.stdout)["pid"]) == (1, process.pid), asked.stderr
    assert process.returncode == 0
    assert "stopped" in log
