"""`config.toml` in the project's root and the model say the same."""

from __future__ import annotations

import re
from pathlib import Path

from agent.config.load import load_config
from agent.config.problems import fields

SAMPLE = Path(__file__).parents[3] / "config.toml"
_COMMENTED = re.compile(r"^#(\w+ = )", re.MULTILINE)


def test_the_sample_loads_as_it_is(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    assert load_config(SAMPLE, env).config == load_config(None, env).config


def test_with_every_line_in_force_it_says_every_key_and_its_default(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    full = tmp_path / "full.toml"
    full.write_text(_COMMENTED.sub(r"\1", SAMPLE.read_text(encoding="utf-8")), encoding="utf-8")
    loaded = load_config(full, env)
    assert loaded.config == load_config(None, env).config
    named = re.findall(r"^(\w+) = ", full.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(key.partition(".")[2] for key in fields())
