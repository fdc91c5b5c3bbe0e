"""`gather-agent run`: the daemon, as systemd or a person at a shell starts it."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging

from agent import __version__, logs
from agent.cli import status
from agent.cli.common import allow_files, loaded, single_instance, stop_by_signal
from agent.cli.exits import Exit
from agent.cli.reload import Reloader
from agent.config import Config, ConfigError, LoadedConfig, secrets_of
from agent.daemon import Daemon
from agent.notify import Notifier
from agent.status import DaemonView
from agent.view.verdict import Health, judge, makes_progress
from agent.words import Words

log = logging.getLogger(__name__)

STATUS_SEC = 5.0
"""How often systemd is told the status; the watchdog may ask for more."""


def run(args: argparse.Namespace) -> int:
    """Runs until SIGTERM or SIGINT. Exit code 0 after a clean stop."""
    found = loaded(args)
    config = found.config
    set_up_logs(found)
    if found.problems:
        log.error("%s\n  lessons are recorded all the same", ConfigError(found.problems))
    log.info("gather-agent %s, configuration %s, state %s", __version__, found.path or "built in", config.paths.state)
    allow_files()
    with single_instance(config.paths.state):
        asyncio.run(_main(args, config))
    log.info("stopped")
    return Exit.OK


def set_up_logs(found: LoadedConfig) -> None:
    """As the configuration says, its secrets hidden."""
    for secret in secrets_of(found.config):
        logs.conceal(secret)
    logs.set_up(found.config.log.level, found.config.log.format)


async def _main(args: argparse.Namespace, config: Config) -> None:
    notifier = Notifier()
    daemon = Daemon(config)
    reloader = Reloader(daemon, notifier, lambda: loaded(args), set_up_logs)
    with stop_by_signal(SIGHUP=reloader.ask, SIGUSR1=lambda: dump_state(daemon)) as stop:
        reporting = asyncio.create_task(tell_systemd(daemon, notifier, stop, reloader), name="systemd")
        reloading = asyncio.create_task(reloader.run(), name="reload")
        try:
            await daemon.run(stop)
        finally:
            stop.set()
            reloading.cancel()
            await asyncio.gather(reporting, reloading, return_exceptions=True)


def dump_state(daemon: Daemon) -> None:
    """USR1: what a person would ask a daemon that behaves oddly, into the log."""
    if not daemon.ready.is_set():
        log.info("state: not ready yet")
        return
    for line in filter(None, status.lines(daemon.view(), Words())):
        log.info("state: %s", line)
    tasks = sorted(task.get_name() for task in asyncio.all_tasks())
    log.info("state: %d tasks: %s", len(tasks), ", ".join(tasks))


async def tell_systemd(
    daemon: Daemon, notifier: Notifier, stop: asyncio.Event, reloader: Reloader | None = None
) -> None:
    """READY once the daemon records by timetable (no camera and no server need answer), then its status, until `stop`.

    The watchdog is fed from the daemon's own event loop, only while that turns in time and what claims to record gets
    packets: a loop that hangs and a recording that stands still without a reason both end in a restart.
    """
    ready = asyncio.create_task(daemon.ready.wait(), name="ready")
    stopping = asyncio.create_task(stop.wait(), name="stopping")
    try:
        await asyncio.wait((ready, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            # What a start leaves stays for good: a full collection need not go through it, in which nothing else runs.
            gc.freeze()
            notifier.ready()
        pause = min(STATUS_SEC, (notifier.watchdog_sec or STATUS_SEC * 3) / 3)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            late = loop.time() - due
            due += late + pause
            view = daemon.view()
            notifier.status("; ".join(filter(None, (status_line(view), reloader.trouble if reloader else ""))))
            if late > pause:
                log.warning("the event loop was %.1f s late: the watchdog is not fed this time", late)
            elif makes_progress(view):
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
