"""Arguments, the choice of the command, and how its failures become exit codes."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from agent import __version__
from agent.cli.exits import Exit, Stop
from agent.config import ConfigError
from agent.logs import redact

log = logging.getLogger(__name__)

_FILE_TROUBLE = {
    errno.EACCES: Exit.NO_PERMISSION,
    errno.EPERM: Exit.NO_PERMISSION,
    errno.EROFS: Exit.CANNOT_CREATE,
    errno.ENOSPC: Exit.CANNOT_CREATE,
    errno.ENOTDIR: Exit.CANNOT_CREATE,
    errno.EEXIST: Exit.CANNOT_CREATE,
    errno.EADDRINUSE: Exit.UNAVAILABLE,
    errno.EADDRNOTAVAIL: Exit.UNAVAILABLE,
}


class _Parser(argparse.ArgumentParser):
    """A parser that ends with sysexits' code for wrong usage, not with argparse's 2, which `status` means otherwise."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the process's exit code (`exits.Exit`)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Chinese must not end a recording
    args = _parser().parse_args(argv)
    try:
        # By name: `status` does not pay for the daemon, and only two commands load the embedded server.
        return int(importlib.import_module(f"agent.cli.{args.module}").run(args))
    except ConfigError as error:
        print(redact(str(error)), file=sys.stderr)  # noqa: T201
        return Exit.CONFIG
    except Stop as stop:
        print(f"gather-agent: {redact(str(stop))}", file=sys.stderr)  # noqa: T201
        return stop.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # whoever read the output has gone: nothing may be written any more, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except OSError as error:
        if error.errno not in _FILE_TROUBLE:
            raise
        log.debug("ended by", exc_info=True)
        print(f"gather-agent: {redact(str(error))}", file=sys.stderr)  # noqa: T201
        return _FILE_TROUBLE[error.errno]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="gather-agent", description="Records a classroom's cameras by timetable.")
    parser.add_argument("--version", action="version", version=f"gather-agent {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)

    run = commands.add_parser("run", help="the daemon: record, upload, report")
    run.set_defaults(module="run")
    serve = commands.add_parser("serve", help="the embedded server alone")
    serve.set_defaults(module="serve")
    standalone = commands.add_parser("standalone", help="server and daemon in one process")
    standalone.set_defaults(module="standalone")
    standalone.add_argument(
        "--demo", action="store_true", help="make a sample classroom and a lesson that is on right now"
    )
    standalone.add_argument(
        "--source", metavar="S", help="a camera's URL or an MP4 file to record instead of the sample"
    )
    status = commands.add_parser(
        "status", help="what the running daemon does; exit code 0 well, 1 degraded, 2 not recording"
    )
    status.set_defaults(module="status")
    status.add_argument("--json", action="store_true", help="everything, for programs")
    config = commands.add_parser("config", help="check the configuration")
    actions = config.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=_Parser)
    check = actions.add_parser("check", help="valid? every problem with its line, and what to write instead")
    check.set_defaults(module="config_check")

    for command in (run, serve, standalone, status, check):
        command.add_argument("--config", type=Path, metavar="FILE", help="default: config.toml in the usual places")
        command.add_argument(
            "--home", type=Path, metavar="DIR", help="keep state, recordings and server files below DIR"
        )
    for command in (standalone, status, serve):
        command.add_argument("--lang", choices=("en", "zh"), help="default: by the locale")
    return parser
