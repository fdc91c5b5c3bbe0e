"""Lines of keys: known texts by hand, and every text Hypothesis can think of against tomllib's own reading."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.toml_lines import KeyPath, key_lines, value_spans

TEXT = """\
# a comment with [a] = "header"
top = 1
dotted.key . deep = "x" # = not a key

[server]
url = "http://a#b"   # behind a comment
'quo.ted' = 'C:\\'
long = \"\"\"
[not.a.table]
also = "no key" \\\"""
and two quotes\"\"\"\"\"
after = true

[ a . "b c" ]
list = [ # opens
  1,
  [2, 3], # nested
  { x = 1, y.z = [ "]", '}' ] },
]
last = 1979-05-27T07:32:00Z

[[camera]]
name = "one"
[camera.main]
url = "u"
[[camera]]
name = '''
two'''
[camera.main]
url = "v"
"""


def leaves(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    """The paths of everything that is neither a table nor an array."""
    if isinstance(value, dict):
        return {leaf for name, inner in value.items() for leaf in leaves(inner, (*path, name))}
    if isinstance(value, list):
        return {leaf for number, inner in enumerate(value) for leaf in leaves(inner, (*path, number))}
    return {path}


def test_every_key_of_a_text_with_all_of_toml_has_its_line() -> None:
    lines = key_lines(TEXT)
    assert {path: lines[path] for path in leaves(tomllib.loads(TEXT))} == {
        ("top",): 2,
        ("dotted", "key", "deep"): 3,
        ("server", "url"): 6,
        ("server", "quo.ted"): 7,
        ("server", "long"): 8,
        ("server", "after"): 12,
        ("a", "b c", "list", 0): 16,
        ("a", "b c", "list", 1, 0): 17,
        ("a", "b c", "list", 1, 1): 17,
        ("a", "b c", "list", 2, "x"): 18,
        ("a", "b c", "list", 2, "y", "z", 0): 18,
        ("a", "b c", "list", 2, "y", "z", 1): 18,
        ("a", "b c", "last"): 20,
        ("camera", 0, "name"): 23,
        ("camera", 0, "main", "url"): 25,
        ("camera", 1, "name"): 27,
        ("camera", 1, "main", "url"): 30,
    }
    assert lines[("server",)] == 5
    assert lines[("camera", 1)] == 26


def test_no_newline_at_the_end_and_windows_line_ends() -> None:
    assert key_lines("a = 1\r\n[b]\r\nc = 'd'")[("b", "c")] == 3
    assert key_lines("") == {}
    assert key_lines("# only a comment") == {}


_texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
_names = (st.text("abc.-_0", max_size=5) | _texts).map(lambda name: json.dumps(name, ensure_ascii=False))
_scalars = st.one_of(
    st.integers(-9, 9).map(str),
    st.booleans().map(lambda flag: "true" if flag else "false"),
    _texts.map(lambda text: json.dumps(text, ensure_ascii=False)),
    _texts.filter(lambda text: "'" not in text).map(lambda text: f"'{text}'"),
    _texts.filter(lambda text: '"' not in text and "\\" not in text).map(lambda text: f'"""\n{text}\n[x]\n y = 2"""'),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3).map(lambda items: "[" + ", # ]\n ".join([*items, ""]) + "]"),
    max_leaves=4,
)
_entries = st.lists(st.tuples(_names, _values), max_size=6, unique_by=lambda entry: entry[0])


_tables = st.dictionaries(_names | st.just('"server"'), _entries, max_size=4)


def toml_texts() -> st.SearchStrategy[str]:
    """Texts that tomllib accepts, often with a table `server`."""
    return _tables.map(lambda tables: written(tables)[0])


def written(tables: dict[str, list[tuple[str, str]]]) -> tuple[str, dict[KeyPath, int]]:
    """A text of these tables, and the line of each key."""
    lines: dict[KeyPath, int] = {}
    text = ""
    for table, entries in tables.items():
        text += f"\n[{table}]\n"
        for name, value in entries:
            lines[(json.loads(table), json.loads(name))] = text.count("\n") + 1
            text += f"{name} = {value}\n"
    return text, lines


@given(_tables)
def test_every_value_tomllib_finds_is_on_the_line_told(tables: dict[str, list[tuple[str, str]]]) -> None:
    text, expected = written(tables)
    parsed = tomllib.loads(text)
    lines = key_lines(text)
    assert leaves(parsed) <= lines.keys()
    assert {path: lines[path] for path in expected} == expected


@settings(max_examples=40)
@given(_tables)
def test_the_span_of_a_value_is_the_value(tables: dict[str, list[tuple[str, str]]]) -> None:
    text, expected = written(tables)
    spans = value_spans(text)
    for table, entries in tomllib.loads(text).items():
        for name, value in entries.items():
            begin, end = spans[(table, name)]
            assert tomllib.loads(f"value = {text[begin:end]}")["value"] == value
    assert expected.keys() <= spans.keys()
