"""`gather-agent password [NAME]`: sets a console password on the server's own machine, where it was forgotten."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys

from agent.cli.check import become_owner_of
from agent.cli.common import loaded, words
from agent.cli.exits import Exit, Stop
from agent.cli.serve import settings
from agent.standalone.console.passwords import LEAST_CHARS, MOST_CHARS, is_good
from agent.standalone.recovery import NoSuchAccount, reset_password
from agent.standalone.settings import SettingsError
from agent.words import Words


def run(args: argparse.Namespace) -> int:
    """Asks for the password, twice; from a pipe its first line is taken."""
    say = words(args)
    config = loaded(args, as_service=True).config
    if not config.standalone.folder.is_dir():
        raise Stop(Exit.CANNOT_CREATE, say("password_no_server", folder=config.standalone.folder))
    become_owner_of(config.standalone.folder)
    try:
        name = asyncio.run(reset_password(settings(config), args.name, lambda name: _asked(name, say)))
    except NoSuchAccount as unknown:
        text = say("password_whose", names=", ".join(unknown.names)) if unknown.names else say("password_nobody")
        raise Stop(Exit.USAGE, text) from unknown
    except SettingsError as error:
        raise Stop(Exit.UNAVAILABLE, str(error)) from error
    print(say("password_set", name=name))  # noqa: T201
    return Exit.OK


def _asked(name: str, say: Words) -> str:
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\n")
        again = password
    else:
        password = getpass.getpass(say("password_new", name=name))
        again = getpass.getpass(say("password_again"))
    if password != again:
        raise Stop(Exit.USAGE, say("password_differ"))
    if not is_good(password, name):
        raise Stop(Exit.USAGE, say("password_rule", least=LEAST_CHARS, most=MOST_CHARS))
    return password
