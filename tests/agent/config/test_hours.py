"""Hours of the day at which uploads may go."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.hours import DAY_MINUTES, Window, parse_window

NIGHT = Window(18 * 60, 6 * 60)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24T{text}+08:00")


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("18:00-06:00", NIGHT),
        (" 18:00 - 6:00 ", NIGHT),
        ("08:00-24:00", Window(480, DAY_MINUTES)),
        ("12:30-13:15", Window(750, 795)),
        ("", None),
        ("  ", None),
    ],
)
def test_what_a_text_means(text: str, window: Window | None) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize(
    "text",
    [
        "18",
        "18:00",
        "18:00-",
        "25:00-06:00",
        "24:00-06:00",
        "18:60-06:00",
        "1-2",
        "a-b",
        "06:00-06:00",
        "00:00-24:00",
        "١٨:٠٠-٠٦:٠٠",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|same time"):
        parse_window(text)


@pytest.mark.parametrize(
    ("now", "open_", "opens"),
    [
        ("17:59:59", False, "2026-11-24T18:00:00+08:00"),
        ("18:00:00", True, "2026-11-25T18:00:00+08:00"),
        ("05:59:59", True, "2026-11-24T18:00:00+08:00"),
        ("06:00:00", False, "2026-11-24T18:00:00+08:00"),
    ],
)
def test_a_night(now: str, open_: bool, opens: str) -> None:
    assert NIGHT.open_at(at(now)) is open_
    assert NIGHT.opens_after(at(now)).isoformat() == opens


@given(st.integers(0, DAY_MINUTES - 1), st.integers(1, DAY_MINUTES - 1), st.integers(0, DAY_MINUTES - 1))
def test_it_is_open_for_its_length_and_opens_when_it_says(begin: int, length: int, minute: int) -> None:
    window = parse_window(
        f"{begin // 60:02}:{begin % 60:02}-{(begin + length) % DAY_MINUTES // 60:02}:{(begin + length) % 60:02}"
    )
    assert window is not None
    midnight = at("00:00:00")
    open_minutes = sum(window.open_at(midnight + timedelta(minutes=one)) for one in range(DAY_MINUTES))
    assert open_minutes == length
    now = midnight + timedelta(minutes=minute)
    opens = window.opens_after(now)
    assert timedelta() < opens - now <= timedelta(days=1)
    assert window.open_at(opens)
    assert not window.open_at(opens - timedelta(minutes=1))
