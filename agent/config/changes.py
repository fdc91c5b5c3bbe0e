"""What a changed configuration means for a running daemon: which keys take effect now, which later, which not before a
restart. Plain functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from agent.config import problems
from agent.config.load import LoadedConfig
from agent.config.model import Config
from agent.config.origins import shown, value_of

Effect = Literal["now", "connection", "restart"]
"""At once; with each channel's next connection, which is made when nothing is recorded; not before a restart."""

AT_ONCE = frozenset(
    {
        "time.zone",
        "spool.reserve_gb",
        "spool.quota_gb",
        "spool.delete_unsent",
        "upload.parallel",
        "upload.rate_kbit",
        "upload.live_rate_kbit",
        "upload.retry_max_sec",
        "upload.folder",
        "upload.window",
        "log.level",
        "log.format",
    }
)
_CONNECTION = ("record.", "alarms.")


@dataclass(frozen=True, slots=True)
class Change:
    """One key that has another value. `before` and `after` are for people: secrets are `***`."""

    key: str
    before: str
    after: str
    effect: Effect

    def __str__(self) -> str:
        told = f"{self.key}: {self.before} -> {self.after}" if self.before != self.after else f"{self.key}: changed"
        later = {"now": "", "connection": " (each channel takes it when nothing is recorded)"}
        return told + later.get(self.effect, " (needs a restart)")


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes, and the configuration that is in force once they are applied: what needs a restart is as before."""

    config: Config
    changes: tuple[Change, ...] = ()

    def of(self, effect: Effect) -> tuple[Change, ...]:
        """Those with this effect."""
        return tuple(change for change in self.changes if change.effect == effect)

    def __bool__(self) -> bool:
        return bool(self.changes)


def effect_of(key: str) -> Effect:
    """When a changed key takes effect."""
    if key in AT_ONCE:
        return "now"
    return "connection" if key.startswith(_CONNECTION) else "restart"


def plan(running: Config, found: LoadedConfig) -> Plan:
    """From the configuration in force to the one that was just read."""
    before = LoadedConfig(running, {})
    changes = tuple(_changes(before, found))
    taken = [change.key for change in changes if change.effect != "restart"]
    updates: dict[str, dict[str, object]] = {}
    for key in taken:
        section, _, name = key.partition(".")
        updates.setdefault(section, {})[name] = value_of(found, key)
    sections = {name: getattr(running, name).model_copy(update=values) for name, values in updates.items()}
    return Plan(running.model_copy(update=sections), changes)


def _changes(before: LoadedConfig, found: LoadedConfig) -> Iterator[Change]:
    for key in problems.fields():
        old, new = value_of(before, key), value_of(found, key)
        if old != new:
            yield Change(key, shown(old), shown(new), effect_of(key))
