"""The man page and the completion for bash, made from what the program itself says of its commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from agent import __version__
from agent.cli.arguments import parser

FILES = {
    "/etc/gather-agent/config.toml": "every key with its default; gather-agent config check judges it",
    "/var/lib/gather-agent": "identity, timetable, journal, and recordings until the server has confirmed them",
    "/usr/share/doc/gather-agent/docs": "installation, operation, protocol, architecture",
}
EXITS = (
    "0 well, 1 something should be mended, 2 not recording or lost, 69 not running, 77 no permission, 78 wrong"
    " configuration"
)


def commands_of(
    one: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Every command that can be typed, as its words and its parser."""
    found = [action for action in one._actions if isinstance(action, argparse._SubParsersAction)]
    if not found:
        yield path, one
    for action in found:
        for name, command in action.choices.items():
            yield from commands_of(command, (*path, name))


def roff(text: str) -> str:
    """A text that roff takes as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def man(top: argparse.ArgumentParser) -> Iterator[str]:
    """gather-agent(1)."""
    yield f'.TH GATHER\\-AGENT 1 "" "gather\\-agent {roff(__version__)}" "User Commands"'
    yield f".SH NAME\ngather\\-agent \\- {roff('records the cameras of a classroom by timetable')}"
    yield ".SH SYNOPSIS\n.B gather\\-agent\n.I command\n.RI [ options ]"
    yield f".SH DESCRIPTION\n{roff(top.description or '')}"
    yield ".SH COMMANDS"
    for path, command in commands_of(top):
        arguments = [action for action in command._actions if action.dest != "help"]
        places = [str(action.metavar or action.dest) for action in arguments if not action.option_strings]
        yield f".TP\n.B {roff(' '.join((*path, *places)))}\n{roff(command.description or '')}"
        options = [
            action for action in arguments if action.option_strings and action.dest not in ("config", "home", "lang")
        ]
        if options:
            yield ".RS"
            for action in options:
                value = (
                    ""
                    if action.nargs == 0
                    else f" {action.metavar or '|'.join(map(str, action.choices or ('VALUE',)))}"
                )
                yield f".TP\n.B {roff(', '.join(action.option_strings) + value)}\n{roff(action.help or '')}"
            yield ".RE"
    yield ".SH OPTIONS\nAll commands take"
    for option, meaning in (
        ("--config FILE", "the configuration, instead of the one in the usual places"),
        ("--home DIR", "keep or find everything below DIR"),
        ("--lang en|zh", "the language; by default that of the locale"),
    ):
        yield f".TP\n.B {roff(option)}\n{roff(meaning)}"
    yield f".SH EXIT STATUS\n{roff(EXITS)}"
    yield ".SH FILES"
    for path, meaning in FILES.items():
        yield f".TP\n.I {roff(path)}\n{roff(meaning)}"
    yield ".SH SEE ALSO\n.BR systemctl (1),\n.BR journalctl (1)"


def bash(top: argparse.ArgumentParser) -> Iterator[str]:
    """Completion of commands, then of options and fixed words; files for everything else."""
    words: dict[tuple[str, ...], set[str]] = {}
    for path, command in commands_of(top):
        for depth in range(len(path)):
            words.setdefault(path[:depth], set()).add(path[depth])
        for action in command._actions:
            words.setdefault(path, set()).update(action.option_strings or map(str, action.choices or ()))
    yield "# bash completion for gather-agent"
    yield "_gather_agent() {"
    yield '    local words typed=() word current="${COMP_WORDS[COMP_CWORD]}"'
    yield '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -* ]] || typed+=("$word"); done'
    yield '    case "${typed[*]}" in'
    for path, choices in sorted(words.items(), reverse=True):
        pattern = f'"{" ".join(path)}"' + ("*" if path else "")
        yield f"        {pattern}) words='{' '.join(sorted(choices))}' ;;"
    yield "    esac"
    yield '    COMPREPLY=($(compgen -W "$words" -- "$current"))'
    yield "}"
    yield "complete -o default -F _gather_agent gather-agent"


if __name__ == "__main__":
    print("\n".join({"man": man, "bash": bash}[sys.argv[1]](parser())))  # noqa: T201
