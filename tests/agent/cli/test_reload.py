"""HUP and USR1 at a real daemon under something that listens like systemd, in the middle of a recording."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from pathlib import Path
from subprocess import Popen
from typing import cast

import pytest

from agent.cli.reload import Reloader
from agent.config import ConfigError, LoadedConfig
from agent.config.problems import Problem
from agent.daemon import Daemon
from agent.journal import Journal
from agent.notify import Notifier
from agent.state import AgentState
from agent.wire.models import WireCamera
from tests.agent.cli.test_processes import LIMIT_SEC, read_until, started
from tests.media import MakeSample


class Manager:
    """The service manager's end of `$NOTIFY_SOCKET`."""

    def __init__(self, path: Path) -> None:
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(LIMIT_SEC)

    def until(self, wanted: str) -> str:
        """The first message from now on with `wanted` in it; all that came before are in `heard`."""
        while True:
            message = self._socket.recv(1000).decode()
            self.heard.append(message)
            if wanted in message:
                return message

    def close(self) -> None:
        self._socket.close()


def hup(process: Popen[str], manager: Manager) -> str:
    """What systemd hears between RELOADING=1 and READY=1."""
    process.send_signal(signal.SIGHUP)
    began = manager.until("RELOADING=1")
    assert int(began.split("MONOTONIC_USEC=")[1]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    del manager.heard[:]
    manager.until("READY=1")
    return "\n".join(manager.heard)


def test_a_reload_cuts_no_recording_and_a_wrong_file_changes_nothing(tmp_path: Path, sample: MakeSample) -> None:
    home = tmp_path / "home"
    state = AgentState(home / "state")
    state.put_camera(WireCamera(camera_id=7, camera_name="Room", stream_prop=1, stream_mp4=str(sample(seconds=4))))
    state.start_manual(7, time.time(), None, "Talk")
    config = home / "config.toml"
    config.write_text("[local]\nport = 0\n")
    manager = Manager(tmp_path / "notify")
    try:
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
        with started("run", "--home", home, **env) as process:
            read_until(process, "records Talk")
            manager.until("READY=1")

            more = '[log]\nlevel = "debug"\n[record]\nstall_sec = 7\n[server]\nurl = "http://x"\n'
            config.write_text(f"[local]\nport = 0\n{more}")
            hup(process, manager)
            read_until(process, "3 keys have changed")
            read_until(process, 'server.url: "" -> "http://x" (needs a restart)')
            manager.until("restart needed for server.url")

            config.write_text("[log]\nlevel = 7\n[recrod]\n")
            assert "STATUS=configuration not reloaded (2 problems, see the log)" in hup(process, manager)
            read_until(process, f"{config}:2: log.level")
            manager.until("; configuration not reloaded (2 problems, see the log)")

            config.write_text("[local]\nport = 0\n")
            hup(process, manager)
            manager.until("STATUS=recording 1 of 1 channels")
            assert "not reloaded" not in manager.heard[-1]

            process.send_signal(signal.SIGUSR1)
            read_until(process, "state: Channel 7 Room: online")
            assert "systemd" in read_until(process, "tasks:")
            process.send_signal(signal.SIGTERM)
            log, _ = process.communicate()
            manager.until("STOPPING=1")
        assert process.returncode == 0, log
    finally:
        manager.close()
    journal = Journal(home / "state/journal.sqlite", read_only=True)
    (recording,) = journal.recordings_between(0, time.time() + 1)
    assert [(one.slice_inx, one.repaired) for one in journal.slices_of(recording.slice_id)] == [(1, False)]
    assert {gap.cause for gap in journal.named_gaps(recording.slice_id)} <= {"late"}, "asked for before the start"
    journal.close()


def test_a_loop_that_hangs_does_not_feed_the_watchdog(tmp_path: Path) -> None:
    """A daemon that is stopped dead is the simplest loop that does not turn."""
    manager = Manager(tmp_path / "notify")
    try:
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000", "GATHER__LOCAL__PORT": "0"}
        with started("run", "--home", tmp_path / "home", **env) as process:
            manager.until("WATCHDOG=1")
            os.kill(process.pid, signal.SIGSTOP)
            threading.Event().wait(0.5)  # what is tested is a length of time: five pauses long
            os.kill(process.pid, signal.SIGCONT)
            assert "the watchdog is not fed this time" in read_until(process, "event loop was")
            manager.until("WATCHDOG=1")
            process.send_signal(signal.SIGTERM)
            process.communicate()
    finally:
        manager.close()


async def test_a_reload_that_fails_unexpectedly_is_told_and_the_next_one_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Ready:
        ready = asyncio.Event()

    Ready.ready.set()
    errors = [RecursionError("nested too deep"), ConfigError([Problem("config.toml:1", "x", "wrong")])]

    def load() -> LoadedConfig:
        raise errors.pop(0)

    reloader = Reloader(cast(Daemon, Ready), Notifier({}), load, lambda _: None)
    task = asyncio.create_task(reloader.run())
    for words in ("nested too deep", "1 problem"):
        reloader.ask()
        async with asyncio.timeout(LIMIT_SEC):
            while words not in reloader.trouble:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "could not be reloaded" in caplog.text
