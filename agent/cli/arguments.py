"""What can be typed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from agent import __version__
from agent.cli.exits import Exit
from agent.cli.help_zh import HELP_ZH
from agent.words import Language, language_of


class Parser(argparse.ArgumentParser):
    """A parser that ends with sysexits' code for wrong usage, not with argparse's 2, which `status` means otherwise."""

    def error(self, message: str) -> NoReturn:
        """Print usage and message, exit 64."""
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE, f"{self.prog}: {message}\n")


def parser(language: Language = "en") -> Parser:
    """Every command; `module` names the one under `agent.cli` whose `run(args)` does it."""
    top = Parser(prog="gather-agent", description="Records a classroom's cameras by timetable.")
    top.add_argument("--version", action="version", version=f"gather-agent {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    _services(commands)
    _questions(commands)
    _orders(commands)
    config = commands.add_parser("config", help="check the configuration")
    actions = config.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    check = _command(actions, "check", "config_check", "valid? every problem with its line, and what to write instead")
    check.add_argument("--show-origin", action="store_true", help="every key, its value and where it comes from")
    _json(check)
    if language == "zh":
        _translate(top)
    return top


def language_wanted(argv: Sequence[str], env: Mapping[str, str]) -> Language:
    """The language for help: that of `--lang`, also before anything is parsed, else that of the locale."""
    for word, following in zip(argv, (*argv[1:], ""), strict=False):
        chosen = following if word == "--lang" else word.partition("--lang=")[2]
        if chosen in ("en", "zh"):
            return "zh" if chosen == "zh" else "en"
    return language_of(env)


def _translate(one: argparse.ArgumentParser) -> None:
    one.description = HELP_ZH.get(one.description or "", one.description)
    for group in one._action_groups:
        group.title = HELP_ZH.get(group.title or "", group.title)
    for action in one._actions:
        action.help = HELP_ZH.get(action.help or "", action.help)
        if isinstance(action, argparse._SubParsersAction):
            for shown in action._choices_actions:
                shown.help = HELP_ZH.get(shown.help or "", shown.help)
            for command in action.choices.values():
                _translate(command)


def _services(commands: argparse._SubParsersAction[Parser]) -> None:
    enrol = _command(commands, "enrol", "enrol", "make this machine known to a server; the service then starts anew")
    enrol.add_argument("url", metavar="URL", help="the server's address, as a browser has it")
    enrol.add_argument(
        "key", metavar="KEY", nargs="?", default="", help="the enrol key of its console; - reads it from stdin"
    )
    enrol.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="the certificate (PEM) of the school's own authority"
    )
    enrol.add_argument("--again", action="store_true", help="also where this machine belongs to another server")
    _command(commands, "run", "run", "the daemon: record, upload, report")
    _command(commands, "serve", "serve", "the embedded server alone")
    standalone = _command(commands, "standalone", "standalone", "server and daemon in one process")
    standalone.add_argument(
        "--demo", action="store_true", help="make a sample classroom and a lesson that is on right now"
    )
    standalone.add_argument(
        "--source", metavar="S", help="a camera's URL or an MP4 file to record instead of the sample"
    )
    password = _command(commands, "password", "password", "set a password of the embedded server's console")
    password.add_argument(
        "name", metavar="NAME", nargs="?", default="", help="whose (default: the only administrator's)"
    )


def _questions(commands: argparse._SubParsersAction[Parser]) -> None:
    status = "what the running daemon does; exit code 0 well, 1 degraded, 2 not recording"
    _json(_command(commands, "status", "status", status))
    lessons = _json(_command(commands, "lessons", "lessons", "what became of each lesson: coverage, gaps, uploads"))
    lessons.add_argument("--day", default="today", metavar="D", help="2026-11-24, today, yesterday, tomorrow")
    lessons.add_argument("--days", type=int, default=1, metavar="N", help="so many days from it")
    _json(_command(commands, "cameras", "cameras", "every channel: state, tracks, rate, picture"))
    uploads = _json(_command(commands, "uploads", "uploads", "the queue, file by file; pause or resume it"))
    uploads.add_argument("action", nargs="?", choices=("pause", "resume"))
    check = _json(_command(commands, "check", "check", "hold journal, files and checksums against each other"))
    check.add_argument(
        "--level", choices=("presence", "size", "hash"), default="size", help="how closely; hash reads every file"
    )
    check.add_argument("--repair", action="store_true", help="put right what can be; the daemon must not run")
    discover = _json(_command(commands, "discover", "discover", "find ONVIF cameras in this network"))
    discover.add_argument("--seconds", type=float, default=3.0, metavar="S", help="listen for so long (default 3)")
    discover.add_argument("--interface", default="", metavar="ADDRESS", help="ask from this local address")
    doctor = _json(_command(commands, "doctor", "doctor", "what is wrong, where, and what to do"))
    doctor.add_argument("address", nargs="*", help="look at these only, known or not: URLs, onvif://HOST, MP4 files")
    doctor.add_argument("--transport", choices=("tcp", "udp"), help="of RTSP; default: record.transport")
    doctor.add_argument("--user", default="", metavar="U", help="of the cameras at ADDRESS")
    doctor.add_argument("--password-file", type=Path, metavar="FILE", help="a file with their password")
    logs = _json(_command(commands, "logs", "logs", "the daemon's log, secrets hidden"))
    logs.add_argument("-n", "--lines", type=int, default=100, metavar="N", help="the last N lines")
    logs.add_argument("-f", "--follow", action="store_true", help="and what is added to it")


def _orders(commands: argparse._SubParsersAction[Parser]) -> None:
    record = commands.add_parser("record", help="record a channel by hand")
    actions = record.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=Parser)
    start = _json(_command(actions, "start", "orders", "begin, beside any lesson"))
    start.add_argument("camera", help="the channel's number or name")
    start.add_argument(
        "--minutes", type=float, default=0, metavar="M", help="end after M minutes (default: when stopped)"
    )
    start.add_argument("--title", default="", metavar="T", help="what the recording is called")
    start.set_defaults(path="/record")
    stop = _json(_command(actions, "stop", "orders", "end it"))
    stop.add_argument("camera", help="the channel's number or name")
    stop.set_defaults(path="/stop-record")
    presets = _json(_command(commands, "presets", "presets", "where a camera that turns can look; turn it there"))
    presets.add_argument("camera", help="the channel's number or name")
    presets.add_argument("preset", nargs="?", default="", help="the name of the preset to turn to")
    snapshot = _json(_command(commands, "snapshot", "orders", "take a channel's picture now"))
    snapshot.add_argument("camera", help="the channel's number or name")
    snapshot.add_argument("--output", type=Path, metavar="FILE", help="save it as FILE (JPEG), too")
    snapshot.set_defaults(path="/snapshot")


def _command(commands: argparse._SubParsersAction[Parser], name: str, module: str, about: str) -> Parser:
    """A command with what all have: where the configuration is, and the language."""
    command = commands.add_parser(name, help=about, description=about)
    command.set_defaults(module=module)
    command.add_argument("--config", type=Path, metavar="FILE", help="default: config.toml in the usual places")
    command.add_argument("--home", type=Path, metavar="DIR", help="keep state, recordings and server files below DIR")
    command.add_argument("--lang", choices=("en", "zh"), help="default: by the locale")
    return command


def _json(command: Parser) -> Parser:
    command.add_argument("--json", action="store_true", help="everything, for programs")
    return command
