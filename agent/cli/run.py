"""`gather-agent run`: the daemon, as systemd or a person at a shell starts it."""

from __future__ import annotations

import argparse
import asyncio
import logging

from agent import __version__, logs
from agent.cli.common import loaded, single_instance, stop_by_signal
from agent.cli.exits import Exit
from agent.config import Config
from agent.daemon import Daemon
from agent.notify import Notifier
from agent.status import DaemonView
from agent.verdict import Health, judge, makes_progress

log = logging.getLogger(__name__)

STATUS_SEC = 5.0
"""How often systemd is told the status; the watchdog may ask for more."""


def run(args: argparse.Namespace) -> int:
    """Runs until SIGTERM or SIGINT. Exit code 0 after a clean stop."""
    found = loaded(args)
    config = found.config
    logs.set_up(config.log.level, config.log.format)
    logs.conceal(config.server.enrol_key.get_secret_value())
    log.info("gather-agent %s, configuration %s, state %s", __version__, found.path or "built in", config.paths.state)
    with single_instance(config.paths.state):
        asyncio.run(_main(config))
    log.info("stopped")
    return Exit.OK


async def _main(config: Config) -> None:
    notifier = Notifier()
    with stop_by_signal() as stop:
        daemon = Daemon(config)
        reporting = asyncio.create_task(tell_systemd(daemon, notifier, stop), name="systemd")
        try:
            await daemon.run(stop)
        finally:
            stop.set()
            await reporting


async def tell_systemd(daemon: Daemon, notifier: Notifier, stop: asyncio.Event) -> None:
    """READY once the daemon records by timetable (no camera and no server need answer), then its status, until `stop`.

    The watchdog is fed from the daemon's own event loop, and only while what claims to record gets packets: a loop that
    hangs and a recording that stands still without a reason both end in a restart.
    """
    ready = asyncio.create_task(daemon.ready.wait(), name="ready")
    stopping = asyncio.create_task(stop.wait(), name="stopping")
    try:
        await asyncio.wait((ready, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            notifier.ready()
        pause = min(STATUS_SEC, (notifier.watchdog_sec or STATUS_SEC * 3) / 3)
        while not stop.is_set():
            view = daemon.view()
            notifier.status(status_line(view))
            if makes_progress(view):
                notifier.watchdog()
            await asyncio.wait((stopping,), timeout=pause)
        notifier.stopping()
    finally:
        ready.cancel()
        stopping.cancel()


def status_line(view: DaemonView) -> str:
    """One line for `systemctl status`: `recording 1 of 2 channels, 3 slices to upload; server connected`."""
    recording = sum(1 for channel in view.channels if channel.recordings)
    waiting = view.queue.recorded + view.queue.uploaded
    server = view.link if view.server else "none"
    line = f"recording {recording} of {len(view.channels)} channels, {waiting} slices to upload, server: {server}"
    verdict = judge(view)
    if verdict.health is Health.NOT_RECORDING:
        line = f"NOT RECORDING: {', '.join(verdict.reasons)}; {line}"
    return line
