"""Where in a TOML text a key and its value stand: `tomllib` does not tell, and a person wants to know.

A scanner for texts that `tomllib` has accepted already: it follows keys, tables, arrays and strings and judges nothing.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]

_BARE_END = frozenset(" \t\r\n.=]")
_VALUE_END = frozenset(",]}#\r\n")
_BLANK = " \t\r"


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line (from 1) of every key and table; elements of arrays are numbered from 0: `("camera", 1, "name")`."""
    return _Scanner(text).document().lines


def value_spans(text: str) -> dict[KeyPath, tuple[int, int]]:
    """Where each key's value begins and ends, in characters from 0: `text[begin:end]` is what stands behind the `=`."""
    return _Scanner(text).document().spans


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.spans: dict[KeyPath, tuple[int, int]] = {}
        self.newlines = [i for i, char in enumerate(text) if char == "\n"]
        self.tables_in: dict[KeyPath, int] = {}  # arrays of tables: how many elements were seen

    def document(self) -> _Scanner:
        table: KeyPath = ()
        while self._skip_to_token():
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._key_value(table)
        return self

    def _header(self) -> KeyPath:
        start = self.at
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        names = self._key()
        self.at += 2 if many else 1
        path = self._resolve(names[:-1] if many else names)
        if many:
            path = (*path, names[-1])
            number = self.tables_in.get(path, 0)
            self.tables_in[path] = number + 1
            path = (*path, number)
        self._note(path, start)
        return path

    def _resolve(self, names: tuple[str, ...]) -> KeyPath:
        """A table's path: a name that is an array of tables means its last element."""
        path: KeyPath = ()
        for name in names:
            path = (*path, name)
            if path in self.tables_in:
                path = (*path, self.tables_in[path] - 1)
        return path

    def _key_value(self, table: KeyPath) -> None:
        start = self.at
        path = (*table, *self._key())
        self._note(path, start)
        self.at += 1  # =
        self._skip(_BLANK)
        start = self.at
        self._value(path)
        self.spans[path] = (start, start + len(self.text[start : self.at].rstrip()))

    def _key(self) -> tuple[str, ...]:
        """A key with its dots; the scanner stands on the `=` or `]` behind it afterwards."""
        names: list[str] = []
        while True:
            self._skip(_BLANK)
            start = self.at
            if self.text[start] in "\"'":
                self._string()
                names.append(str(tomllib.loads(f"key = {self.text[start : self.at]}")["key"]))
            else:
                while self.text[self.at] not in _BARE_END:
                    self.at += 1
                names.append(self.text[start : self.at])
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return tuple(names)
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        char = self.text[self.at]
        if char in "\"'":
            self._string()
        elif char == "[":
            self._array(path)
        elif char == "{":
            self._inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in _VALUE_END:
                self.at += 1

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        number = 0
        while self._skip_to_token() and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._note((*path, number), self.at)
            self._value((*path, number))
            number += 1
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while self._skip_to_token() and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self.at += 1
            else:
                self._key_value(path)
        self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        while not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(mark)
        if len(mark) == 3:
            self._skip(quote)  # up to two quotes may stand right before the closing three

    def _skip(self, chars: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in chars:
            self.at += 1

    def _skip_to_token(self) -> bool:
        """Past blanks, line ends and comments; False at the end of the text."""
        while True:
            self._skip(_BLANK + "\n")
            if not self.text.startswith("#", self.at):
                return self.at < len(self.text)
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def _note(self, path: KeyPath, position: int) -> None:
        line = bisect_right(self.newlines, position - 1) + 1 if position else 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)
