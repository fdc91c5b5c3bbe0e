"""Tables for people at a terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

PIPE_WIDTH = 200
"""Into a file or a pipe nothing is cut."""


def show(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print a table; the columns named in `right` (by index) hold numbers. Cells are plain text."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, title in enumerate(columns):
        table.add_column(escape(title), justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    with console.capture() as drawn:
        console.print(table)
    for line in drawn.get().splitlines():
        print(line.rstrip())  # noqa: T201


def zone_named(name: str) -> tzinfo | None:
    """A zone by its IANA name; None (this machine's) where it is not known here."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None


def time_of_day(moment: float, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """`08:45`, or `08:45:07`."""
    return f"{datetime.fromtimestamp(moment, zone):{'%H:%M:%S' if seconds else '%H:%M'}}"


def percent(share: float | None) -> str:
    """0 to 1 as `98.7 %`, rounded down: 100 % is said of a whole lesson only."""
    if share is None:
        return ""
    return f"{math.floor(share * 1000) / 10:g} %"


def rate(bits: float | None) -> str:
    """Bits per second as `4.1 Mbit/s`."""
    if bits is None:
        return ""
    return f"{bits / 1e6:.1f} Mbit/s" if bits >= 1e6 else f"{bits / 1e3:.0f} kbit/s"
