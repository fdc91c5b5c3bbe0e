"""What can be typed, and how it is explained."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

import pytest

from agent.cli import main
from agent.cli.arguments import language_wanted, parser
from agent.cli.help_zh import HELP_ZH


def commands(one: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield one
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from commands(command)


def texts(one: argparse.ArgumentParser) -> Iterator[str]:
    for command in commands(one):
        yield command.description or ""
        yield from (group.title or "" for group in command._action_groups)
        for action in command._actions:
            yield action.help or ""
            if isinstance(action, argparse._SubParsersAction):
                yield from (shown.help or "" for shown in action._choices_actions)


def test_every_help_text_has_its_chinese_and_no_chinese_is_left_over() -> None:
    english = {text for text in texts(parser()) if text}
    assert english == set(HELP_ZH)
    chinese = {text for text in texts(parser("zh")) if text}
    assert chinese == set(HELP_ZH.values())


def test_every_command_has_its_module() -> None:
    modules = {str(command.get_default("module")) for command in commands(parser())} - {"None"}
    for name in modules:
        assert callable(importlib.import_module(f"agent.cli.{name}").run)


@pytest.mark.parametrize(
    ("argv", "env", "language"),
    [
        (["status", "--lang", "zh"], {}, "zh"),
        (["--lang=zh", "status"], {}, "zh"),
        (["status", "--lang", "en"], {"LANG": "zh_CN.UTF-8"}, "en"),
        (["status"], {"LANG": "zh_CN.UTF-8"}, "zh"),
        (["status", "--lang"], {}, "en"),
    ],
)
def test_the_language_of_help(argv: list[str], env: dict[str, str], language: str) -> None:
    assert language_wanted(argv, env) == language


def test_help_in_chinese(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "诊断：哪里有问题，如何处理" in capsys.readouterr().out
