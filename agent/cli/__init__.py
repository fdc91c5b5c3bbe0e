"""The command line: `gather-agent run | serve | standalone | status | config check`, one module a command."""

from agent.cli.entry import main

__all__ = ["main"]
