"""HUP: the configuration is read again. Two phases: everything is read and judged first; then what can be is applied.

A configuration that is wrong changes nothing. No recording is cut.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agent import logs
from agent.config import ConfigError, LoadedConfig, secrets_of
from agent.config.changes import Plan, plan
from agent.daemon import Daemon
from agent.notify import Notifier

log = logging.getLogger(__name__)


class Reloader:
    """`load` reads the configuration (`ConfigError`), `set_up_logs` takes level and format where they changed."""

    def __init__(
        self,
        daemon: Daemon,
        notifier: Notifier,
        load: Callable[[], LoadedConfig],
        set_up_logs: Callable[[LoadedConfig], None],
    ) -> None:
        self.trouble = ""
        """Why the last reload was not done, for the status line; empty when it was."""
        self._daemon, self._notifier, self._load, self._set_up_logs = daemon, notifier, load, set_up_logs
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Somebody sent HUP."""
        self._asked.set()

    async def run(self) -> None:
        """One reload after the other, until cancelled; the first when the daemon is ready."""
        await self._daemon.ready.wait()
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._notifier.reloading()
            try:
                await self._reload()
            except Exception as error:  # a task's boundary: the next HUP must find somebody who listens
                self.trouble = f"configuration not reloaded: {error}"
                log.exception("the configuration could not be reloaded")
            finally:
                # Also where nothing was taken: systemd waits for it (sd_notify(3)), and the daemon works as before.
                self._notifier.ready()

    async def _reload(self) -> None:
        try:
            found = await asyncio.to_thread(self._load)
        except ConfigError as error:
            count = len(error.problems)
            self.trouble = f"configuration not reloaded ({count} problem{'s' * (count != 1)}, see the log)"
            log.error("the configuration is not reloaded, the one in force stays: %s", error)
            self._notifier.status(self.trouble)
            return
        for secret in secrets_of(found.config):
            logs.conceal(secret)
        decided = plan(self._daemon.config, found)
        if found.problems:
            log.error("%s", ConfigError(found.problems))
        _say(decided)
        if decided.of("now"):
            self._set_up_logs(found)
        await self._daemon.reconfigure(decided.config)
        self.trouble = ""
        pending = [change.key for change in decided.of("restart")]
        if pending:
            self.trouble = f"restart needed for {', '.join(pending)}"


def _say(decided: Plan) -> None:
    if not decided:
        log.info("configuration reloaded: nothing has changed")
        return
    log.info("configuration reloaded: %d keys have changed", len(decided.changes))
    for change in decided.changes:
        (log.warning if change.effect == "restart" else log.info)("configuration: %s", change)
