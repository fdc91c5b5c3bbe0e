"""`gather-agent serve`: the embedded server alone, for other recorders to register with."""

from __future__ import annotations

import argparse
import asyncio
from ipaddress import ip_network

from agent import logs
from agent.cli.common import allow_files, loaded, single_instance, stop_by_signal, words
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
            print(say("kept_secrets", file=config.standalone.folder / "secrets.json"), flush=True)  # noqa: T201
        for sentence in filter(None, (to_do(server, say), unprotected(server, say))):
            print(sentence, flush=True)  # noqa: T201
        notifier.ready()
        with stop_by_signal() as stop:
            await stop.wait()
        notifier.stopping()
    finally:
        await server.stop()


def to_do(server: EmbeddedServer, say: Words) -> str:
    """How the console gets an owner; empty where it has one."""
    if not server.set_up_code:
        return ""
    return say("set_up_here") if server.is_local else say("set_up_anywhere", code=server.set_up_code)


def unprotected(server: EmbeddedServer, say: Words) -> str:
    """A warning where passwords cross a network in plain text; empty where they do not."""
    return "" if server.is_local or server.is_behind_tls else say("plain_http", host=server.console_url)


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
        frame_ancestors=standalone.frame_ancestors,
        storage_addr=standalone.storage_addr,
        storage=standalone.storage,
        storage_redirect=standalone.storage_redirect,
        trusted_proxies=tuple(map(ip_network, standalone.trusted_proxies)),
    )


async def started(chosen: ServerSettings) -> EmbeddedServer:
    """A server that listens. `Stop` (69) with the reason when it cannot."""
    allow_files()
    try:
        server = EmbeddedServer(chosen)
        await server.start()
    except SettingsError as error:
        raise Stop(Exit.UNAVAILABLE, str(error)) from error
    logs.conceal(server.credential)
    logs.conceal(server.enrol_key)
    return server
