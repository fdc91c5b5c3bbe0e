"""`gather-agent config check`: OK, or everything that is wrong; with `--show-origin` every key and its source."""

from __future__ import annotations

import argparse
import json

from agent.cli.common import loaded
from agent.cli.exits import Exit
from agent.config import ConfigError
from agent.config.origins import Origin, origins_of


def run(args: argparse.Namespace) -> int:
    """Exit code 0, or 78 with the report on stderr."""
    found = loaded(args, as_service=True)
    if found.problems:
        raise ConfigError(found.problems)
    if args.json:
        entries = [vars_of(one) for one in origins_of(found)] if args.show_origin else []
        path = str(found.path) if found.path else None
        print(json.dumps({"valid": True, "path": path, "keys": entries}, ensure_ascii=False))  # noqa: T201
        return Exit.OK
    if args.show_origin:
        width = max(len(f"{one.key} = {one.value}") for one in origins_of(found) if len(one.value) < 40)
        for one in origins_of(found):
            print(f"{f'{one.key} = {one.value}':<{width}}  # {one.where}")  # noqa: T201
    print(f"OK: {found.path}" if found.path else "OK: no file, every key has its default")  # noqa: T201
    return Exit.OK


def vars_of(origin: Origin) -> dict[str, object]:
    """One key for `--json`."""
    return {"key": origin.key, "value": origin.value, "origin": origin.where}
