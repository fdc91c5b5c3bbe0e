"""`gather-agent config check`: OK, or everything that is wrong."""

from __future__ import annotations

import argparse

from agent.cli.common import loaded
from agent.cli.exits import Exit


def run(args: argparse.Namespace) -> int:
    """Exit code 0, or 78 with the report on stderr."""
    found = loaded(args)
    print(f"OK: {found.path}" if found.path else "OK: no file, every key has its default")  # noqa: T201
    return Exit.OK
