"""What systemd hears."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(2)
        yield listening


def test_every_message_arrives_as_a_datagram(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready()
    notifier.status("recording 1/2,\n next 14:00")
    notifier.watchdog()
    notifier.stopping()
    heard = [manager.recv(200).decode() for _ in range(4)]
    assert heard == ["READY=1", "STATUS=recording 1/2, next 14:00", "WATCHDOG=1", "STOPPING=1"]


def test_an_abstract_address(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0gather-test-{os.getpid()}")
        listening.settimeout(2)
        Notifier({"NOTIFY_SOCKET": f"@gather-test-{os.getpid()}"}).ready()
        assert listening.recv(20) == b"READY=1"


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()


def test_the_watchdog_is_for_one_process_only() -> None:
    assert Notifier({"WATCHDOG_USEC": "30000000"}).watchdog_sec == 30.0
    assert Notifier({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}).watchdog_sec == 30.0
    assert Notifier({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watchdog_sec is None
    assert Notifier({"WATCHDOG_USEC": "x"}).watchdog_sec is None
    assert Notifier({}).watchdog_sec is None
