"""Ports for servers of tests."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from pathlib import Path

START_SEC = 60.0


def free_port() -> int:
    """A port of loopback on which nobody listens at this moment."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many different ones."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the process listens; fails with the end of its log when it ends instead."""
    deadline = time.monotonic() + START_SEC
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-500:]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on port {port} after {START_SEC:.0f} s")
