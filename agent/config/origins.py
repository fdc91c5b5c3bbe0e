"""Every key with its value and where that came from, for people; secrets as `***`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from agent.config import problems
from agent.config.load import LoadedConfig
from agent.logs import HIDDEN, redact


@dataclass(frozen=True, slots=True)
class Origin:
    """`key` dotted, `value` as it would stand in the file, `where`: `built in`, `config.toml:12`, `environment ...`,
    `credential ...`, `file ...` or `command line`.
    """

    key: str
    value: str
    where: str


def origins_of(found: LoadedConfig) -> list[Origin]:
    """All keys, in the order of the file."""
    return [
        Origin(key, shown(value_of(found, key)), found.origins[key].replace("default", "built in"))
        for key in problems.fields()
    ]


def value_of(found: LoadedConfig, key: str) -> Any:
    """The value of a dotted key."""
    section, _, name = key.partition(".")
    return getattr(getattr(found.config, section), name)


def shown(value: Any) -> str:
    """A value as TOML writes it, without what is secret."""
    if isinstance(value, SecretStr):
        return f'"{HIDDEN}"' if value.get_secret_value() else '""'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {shown(one)}" for key, one in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else f"{value:.10g}"
    return json.dumps(redact("" if value is None else str(value)), ensure_ascii=False)
