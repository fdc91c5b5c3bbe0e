"""`gather-agent standalone`: embedded server and daemon in one process, for a school without a server or a first try.

The two meet over HTTP and websocket alone, as they would on two machines.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent import logs
from agent.cli.common import loaded, single_instance, stop_by_signal, words
from agent.cli.exits import Exit, Stop
from agent.cli.reload import Reloader
from agent.cli.run import tell_systemd
from agent.cli.serve import settings, started, to_do, unprotected
from agent.config import Config, LoadedConfig, secrets_of
from agent.daemon import Daemon
from agent.notify import Notifier
from agent.standalone.demo import DemoError, seed
from agent.standalone.server import EmbeddedServer
from agent.view.board import Board
from agent.view.display import Display, Place, make_display

DRAIN_SEC = 10.0
"""How long the end waits for what was just closed to be uploaded."""
LOOK_SEC = 0.5
DEMO_HOME = Path("demo")


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the arguments ask for. `source` empty and `demo` set: make the sample."""

    demo: bool
    source: str
    log_file: Path | None


def run(args: argparse.Namespace) -> int:
    """Runs until SIGTERM or SIGINT, then says what was recorded and where it lies."""
    demo = args.demo or args.source is not None
    if demo and args.home is None and args.config is None:
        args.home = DEMO_HOME
    found = loaded(args)
    home = args.home.absolute() if args.home else found.config.paths.state
    home.mkdir(parents=True, exist_ok=True)
    wish = _Wish(demo, _source(args.source), home / "log" if demo else None)
    _set_up_logs(found, wish)
    say = words(args)
    display = make_display(sys.stdout, say)
    with single_instance(found.config.paths.state), single_instance(found.config.standalone.folder):
        asyncio.run(_main(args, found.config, wish, display))
    return Exit.OK


def _set_up_logs(found: LoadedConfig, wish: _Wish) -> None:
    for secret in secrets_of(found.config):
        logs.conceal(secret)
    logs.set_up(found.config.log.level, found.config.log.format, file=wish.log_file)


def _source(named: str | None) -> str:
    if not named or "://" in named:
        return named or ""
    path = Path(named).absolute()
    if not path.is_file():
        raise Stop(Exit.USAGE, f"--source: {named} is neither a URL nor a file")
    return str(path)


async def _main(args: argparse.Namespace, config: Config, wish: _Wish, display: Display) -> None:
    with stop_by_signal() as stop:
        async with _server(config, wish, display) as server:
            source = await _demo_source(config, wish, display, stop)
            if stop.is_set():
                return
            own = _pointed_at(server)
            pointed = loaded(args, own).config
            daemon = Daemon(pointed, on_happening=display.take, drain_sec=DRAIN_SEC)
            folder, log_file = short(config.standalone.folder), wish.log_file and short(wish.log_file)
            display.open(Place(server.console_url, to_do(server, display.board.say), log_file))
            if warning := unprotected(server, display.board.say):
                display.say(warning)
            notifier = Notifier()
            reloader = Reloader(daemon, notifier, lambda: loaded(args, own), lambda found: _set_up_logs(found, wish))
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.ask)
            beside = (tell_systemd(daemon, notifier, stop, reloader), until_stopped(stop, reloader.run()))
            try:
                await _together(daemon, server, source, display, stop, *beside)
            finally:
                display.close()
            for sentence in summary(display.board, folder / "recordings", short(pointed.paths.media / "slices")):
                display.say(sentence)


async def _together(
    daemon: Daemon,
    server: EmbeddedServer,
    source: str,
    display: Display,
    stop: asyncio.Event,
    *beside: Coroutine[Any, Any, None],
) -> None:
    """Daemon, display, what else runs `beside` until `stop`, and (with a `source`) the demonstration's lesson; the
    first that fails ends the others.
    """
    running = asyncio.create_task(daemon.run(stop), name="daemon")
    tasks = {running, asyncio.create_task(_look(daemon, running, display, stop), name="display")}
    tasks |= {asyncio.create_task(one) for one in beside}
    if source:
        tasks.add(asyncio.create_task(_seed(server, source, stop), name="seed"))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        raise
    finally:
        stop.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


async def _look(daemon: Daemon, running: asyncio.Task[None], display: Display, stop: asyncio.Event) -> None:
    """Show the daemon's view for as long as it runs."""
    ready = asyncio.create_task(daemon.ready.wait(), name="ready")
    try:
        await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ready.cancel()
    said = False
    while not running.done():
        if stop.is_set() and not said:
            said = True
            display.say(display.board.say("closing"))
        display.show(daemon.view())
        await asyncio.wait({running}, timeout=LOOK_SEC)
    if daemon.ready.is_set():
        display.show(daemon.view())


async def _seed(server: EmbeddedServer, source: str, stop: asyncio.Event) -> None:
    try:
        await until_stopped(stop, seed(server.url, server.credential, source, now=time.time()))
    except DemoError as error:
        raise Stop(Exit.UNAVAILABLE, str(error)) from error


async def _demo_source(config: Config, wish: _Wish, display: Display, stop: asyncio.Event) -> str:
    """The demonstration's camera: what was named, else a sample that is made once; empty without a demonstration."""
    if wish.source or not wish.demo:
        return wish.source
    sample = config.paths.state / "sample.mp4"
    if not sample.exists():
        display.say(display.board.say("making_sample", path=short(sample)))
        await until_stopped(stop, make_sample(sample))
    return str(sample)


def short(path: Path) -> Path:
    """The path as a person at this shell would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def summary(board: Board, stored: Path, waiting: Path) -> Iterator[str]:
    """What was recorded since the start, and where it lies: `stored` is the server's folder, `waiting` the daemon's."""
    totals, say = board.totals(), board.say
    if not totals.slices:
        yield say("summary_none")
        return
    yield say("summary", slices=totals.slices, minutes=f"{totals.media_sec / 60:.1f}")
    if totals.listed:
        yield say("summary_listed", listed=totals.listed, folder=stored)
    if left := totals.slices - totals.listed:
        yield say("summary_left", left=left, folder=waiting)


def _pointed_at(server: EmbeddedServer) -> dict[str, str]:
    """Overrides that make this server the daemon's, whatever the file says."""
    own = {"server.url": server.url, "server.enrol_key": server.enrol_key}
    return own | {"server.enrol_key_file": "", "server.ca_file": ""}


@contextlib.asynccontextmanager
async def _server(config: Config, wish: _Wish, display: Display) -> AsyncIterator[EmbeddedServer]:
    """The server on its port; for a try on any other one where that is taken."""
    chosen = settings(config)
    if wish.demo and _taken(chosen.host, chosen.port):
        display.say(display.board.say("port_taken", port=chosen.port))
        chosen = replace(chosen, port=0)
    server = await started(chosen)
    try:
        yield server
    finally:
        await server.stop()


def _taken(host: str, port: int) -> bool:
    """Whether somebody listens there already."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


async def make_sample(path: Path) -> None:
    """Make the sample film, in a process of its own: nothing native comes into this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "recorder.sample", str(path), stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        _, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise Stop(Exit.INTERNAL, f"the sample could not be made: {stderr.decode(errors='replace').strip()[-500:]}")


async def until_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, Any]) -> None:
    """Do the work, or leave it undone as soon as `stop` is set. What the work raises is raised."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
