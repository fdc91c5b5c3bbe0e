"""The command line: one module a command, named in `arguments`."""

import importlib
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the process's exit code (`exits.Exit`)."""
    # By name: a machine that builds the package has none of the libraries, and takes the man page from `arguments`.
    return int(importlib.import_module("agent.cli.entry").main(argv))


__all__ = ["main"]
