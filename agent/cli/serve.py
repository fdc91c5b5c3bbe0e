"""`gather-agent serve`: the embedded server alone, for other recorders to register with."""

from __future__ import annotations

import argparse
import asyncio

from agent import logs
from agent.cli.common import loaded, single_instance, stop_by_signal, words
from agent.cli.exits import Exit, Stop
from agent.config import Config
from agent.notify import Notifier
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings, SettingsError
from agent.words import Words


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    config = loaded(args).config
    logs.set_up(config.log.level, config.log.format)
    with single_instance(config.standalone.folder):
        asyncio.run(_main(config, words(args)))
    return Exit.OK


async def _main(config: Config, say: Words) -> None:
    notifier = Notifier()
    server = await started(settings(config))
    try:
        print(say("serving", url=server.console_url), flush=True)  # noqa: T201
        if server.first_run:
            print(f"{say('credential')}: {server.credential}", flush=True)  # noqa: T201
            print(f"{say('enrol_key')}: {server.enrol_key}", flush=True)  # noqa: T201
        notifier.ready()
        with stop_by_signal() as stop:
            await stop.wait()
        notifier.stopping()
    finally:
        await server.stop()


def settings(config: Config) -> ServerSettings:
    """The embedded server's settings in the configuration."""
    standalone = config.standalone
    return ServerSettings(
        data_dir=standalone.folder,
        host=standalone.host,
        port=standalone.port,
        public_url=standalone.public_url,
        database_url=standalone.database,
        name=standalone.name,
        timezone=config.time.zone,
        numbers_as_strings=standalone.numbers_as_strings,
    )


async def started(chosen: ServerSettings) -> EmbeddedServer:
    """A server that listens. `Stop` (69) with the reason when it cannot."""
    try:
        server = EmbeddedServer(chosen)
        await server.start()
    except SettingsError as error:
        raise Stop(Exit.UNAVAILABLE, str(error)) from error
    logs.conceal(server.credential)
    logs.conceal(server.enrol_key)
    return server
