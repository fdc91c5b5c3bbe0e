"""What leaves the console as a file: its name, and no formula in it."""

from __future__ import annotations

import csv
import io

import pytest
from aiohttp import content_disposition_filename, parse_content_disposition
from hypothesis import given
from hypothesis import strategies as st

from agent.standalone.console.pages.ledger.table import safe, to_csv
from agent.standalone.console.pages.recordings.names import attachment, file_name


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1+1"])
def test_a_cell_is_no_formula(cell: str) -> None:
    assert safe(cell) == f"'{cell}"


@given(st.lists(st.lists(st.one_of(st.text(), st.integers()), min_size=2, max_size=2), max_size=4))
def test_csv_comes_back_as_it_was(rows: list[list[str | int]]) -> None:
    content = to_csv(["科目", "x"], rows)
    assert content.startswith(b"\xef\xbb\xbf")
    back = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert back == [["科目", "x"], *([str(safe(cell)) for cell in row] for row in rows)]


def test_a_name_says_what_it_is() -> None:
    second = file_name("2026-11-24", "08:00", "语文", "301", "王老师", inx=2, of=3)
    assert second == "2026-11-24 08-00 语文 301 王老师 (2).mp4"
    assert file_name("2026-11-24", "08:00", "语文", "", inx=1, of=1) == "2026-11-24 08-00 语文.mp4"


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_name_is_one_that_every_system_takes_and_http_brings_it_over(subject: str, room: str) -> None:
    name = file_name("2026-11-24", "08:00", subject, room, inx=1, of=2)
    assert len(name.encode("utf-8", "surrogatepass")) <= 255
    assert name.endswith(" (1).mp4") and not set(name) & set('/\\:*?"<>|\n\r\0')
    header = attachment(name)
    assert header.isascii() and "\n" not in header
    assert content_disposition_filename(parse_content_disposition(header)[1]) == name
