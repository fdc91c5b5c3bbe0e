"""The ledger as a file: no formula in it, and nothing lost on the way."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.console.pages.ledger.table import safe, to_csv


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1+1"])
def test_a_cell_is_no_formula(cell: str) -> None:
    assert safe(cell) == f"'{cell}"


@given(st.lists(st.lists(st.one_of(st.text(), st.integers()), min_size=2, max_size=2), max_size=4))
def test_csv_comes_back_as_it_was(rows: list[list[str | int]]) -> None:
    content = to_csv(["科目", "x"], rows)
    assert content.startswith(b"\xef\xbb\xbf")
    back = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert back == [["科目", "x"], *([str(safe(cell)) for cell in row] for row in rows)]
