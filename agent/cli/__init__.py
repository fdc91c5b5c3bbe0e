"""The command line: one module a command, named in `arguments`."""

from agent.cli.entry import main

__all__ = ["main"]
