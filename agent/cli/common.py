"""What several commands need: the configuration of the arguments, one instance a folder, stop by signal."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.cli.exits import Exit, Stop
from agent.cli.phrases import PHRASES
from agent.config import ConfigError, LoadedConfig, control_socket, load_config
from agent.config.paths import default_state, service_environment
from agent.logs import redact
from agent.words import Words, language_of


def loaded(
    args: argparse.Namespace, more: Mapping[str, Any] | None = None, *, as_service: bool = False
) -> LoadedConfig:
    """The configuration that `--config` and `--home` mean; `more` are overrides by dotted key.

    With `--home` alone nothing outside that folder counts: only `config.toml` in it, where there is one.  Commands
    that ask about an agent (`as_service`) mean the installed service where there is one, unless this user has an agent
    of his own; and a file that is wrong does not keep them from finding it (`problems` of the answer).
    """
    overrides = dict(more or {})
    if args.home is None:
        found = load_config(args.config, overrides=overrides, lenient=as_service)
        service = service_environment(os.environ) if as_service else None
        if service is None or control_socket(found.config.paths.runtime).exists() or default_state(os.environ).exists():
            return found
        return load_config(args.config, service, overrides, lenient=True)
    home = args.home.absolute()
    folders = {"paths.state": home / "state", "paths.media": home / "media", "standalone.folder": home / "server"}
    folders["paths.runtime"] = home / "run"
    return load_config(args.config, overrides=folders | overrides, search=(home / "config.toml",), lenient=as_service)


def asked(args: argparse.Namespace) -> LoadedConfig:
    """The configuration for a command that asks about an agent; what is wrong with it is said on stderr."""
    found = loaded(args, as_service=True)
    if found.problems:
        print(redact(str(ConfigError(found.problems))), file=sys.stderr)  # noqa: T201
    return found


def words(args: argparse.Namespace) -> Words:
    """The language of `--lang`, else of the locale."""
    return Words(args.lang or language_of(os.environ), PHRASES)


def allow_files(most: int = 65_536) -> None:
    """Let this process have as many files open as it may have at all, within reason: forty
    channels hold 160, a thousand agents hold two connections each at the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def single_instance(folder: Path) -> Iterator[None]:
    """Hold `<folder>/lock` for as long as the block runs. `Stop` (75) when another process holds it.

    The kernel lets go of the lock when the process ends, however it ends: a lock file left over means nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read(20).strip() or "unknown"
            raise Stop(Exit.TRY_AGAIN, f"already running with the folder {folder} (process {owner})") from None
        with contextlib.suppress(OSError):  # whose lock it is is for people; a full disk must not end a lesson
            lock.truncate(0)
            os.write(lock.fileno(), f"{os.getpid()}\n".encode())
        yield


@contextlib.contextmanager
def stop_by_signal(**more: Callable[[], None]) -> Iterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets; a second SIGINT aborts (`KeyboardInterrupt`).

    `more` names what other signals do (`SIGUSR1=...`); SIGHUP without a word here is ignored.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def interrupted() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)  # which gives Python's own back

    handlers = {"SIGTERM": stop.set, "SIGINT": interrupted, "SIGHUP": lambda: None, **more}
    for name, handler in handlers.items():
        loop.add_signal_handler(signal.Signals[name], handler)
    try:
        yield stop
    finally:
        for name in handlers:
            loop.remove_signal_handler(signal.Signals[name])
