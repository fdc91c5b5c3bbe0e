"""A key set in somebody's own file: everything else stays as it was written."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.toml_edit import CannotEdit, with_key, without_key
from tests.agent.config.test_toml_lines import toml_texts

OURS = (Path(__file__).parents[3] / "config.toml").read_text(encoding="utf-8")


def test_the_shipped_file_gets_its_line_where_the_default_is_shown() -> None:
    changed = with_key(OURS, "server", "url", "https://a.example")
    assert changed.splitlines() == [
        'url = "https://a.example"'
        if line == '#url = ""' and number < OURS.count("\n", 0, OURS.index("[time]"))
        else line
        for number, line in enumerate(OURS.splitlines())
    ]
    assert with_key(changed, "server", "url", "https://a.example") == changed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[server]\nurl = "u"\n'),
        ("[log]\nlevel = 'info'", "[log]\nlevel = 'info'\n\n[server]\nurl = \"u\"\n"),
        ("[server] # ours", '[server] # ours\nurl = "u"\n'),
        ("[server]\n  url   =  'x'   # the old one\nb = 1\n", '[server]\n  url   =  "u"   # the old one\nb = 1\n'),
        ("server.url = 'x'\n", 'server.url = "u"\n'),
        ("server = { url = 'x', timeout_sec = 5 }\n", 'server = { url = "u", timeout_sec = 5 }\n'),
        ("[server]\r\n\r\n# key\r\n#url = ''\r\n", '[server]\r\n\r\n# key\r\nurl = "u"\r\n'),
        ('[ \'server\' ]\na = """\n[server]\n"""\n', '[ \'server\' ]\nurl = "u"\na = """\n[server]\n"""\n'),
        ("[a]\n#url = ''\n[server]\n[b]\n#url = ''\n", "[a]\n#url = ''\n[server]\nurl = \"u\"\n[b]\n#url = ''\n"),
    ],
)
def test_where_it_goes(before: str, after: str) -> None:
    assert with_key(before, "server", "url", "u") == after


@pytest.mark.parametrize(
    "text", ["server = { a = 1 }\n", "server.a = 1\n", 'a = """\n[server]\n"""\n', "server = 5\n", "[[server]]\n"]
)
def test_what_is_built_otherwise_is_left_alone_and_named(text: str) -> None:
    with pytest.raises(CannotEdit, match=r'in \[server\]: url = "u"'):
        with_key(text, "server", "url", "u")


def test_a_key_becomes_a_comment() -> None:
    text = "[server]\nurl = 'u'\nenrol_key = 'k' # secret\n"
    assert without_key(text, "server", "enrol_key") == "[server]\nurl = 'u'\n#enrol_key = 'k' # secret\n"
    assert without_key(text, "server", "ca_file") == text
    with pytest.raises(CannotEdit):
        without_key("server = { url = 'u', enrol_key = 'k' }\n", "server", "enrol_key")


@settings(max_examples=40)
@given(toml_texts(), st.text(max_size=10))
def test_nothing_else_changes_whatever_the_text(text: str, value: str) -> None:
    before = tomllib.loads(text)
    try:
        after = with_key(text, "server", "url", value)
    except CannotEdit:
        return
    assert tomllib.loads(after) == {**before, "server": {**before.get("server", {}), "url": value}}
    assert len(after.splitlines()) >= len(text.splitlines())
