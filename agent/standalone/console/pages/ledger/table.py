"""The ledger as CSV for spreadsheets: UTF-8 with a byte order mark, as Excel needs it, and no formula in a cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes spreadsheets take a text for a formula (OWASP, CSV injection)."""


def safe(cell: str | int | float) -> str | int | float:
    """A cell that a spreadsheet shows and does not calculate: a text that begins like a formula gets an apostrophe."""
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA):
        return f"'{cell}"
    return cell


def to_csv(head: Sequence[str], rows: Iterable[Sequence[str | int | float]]) -> bytes:
    """The file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(safe, head))
    writer.writerows(map(safe, row) for row in rows)
    return text.getvalue().encode("utf-8-sig")
