"""Which names of this machine are its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.page.hosts import is_own_host

NAMES = ("Recorder-7", "recorder.school.example")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8481",
        "[::1]:8481",
        "192.168.1.7:8481",
        "[fe80::1%25eth0]:8481",
        "localhost",
        "LOCALHOST.:8481",
        "recorder-7:8481",
        "Recorder.School.Example",
    ],
)
def test_own(host: str) -> None:
    assert is_own_host(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":8481",
        "evil.example",
        "evil.example:8481",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1",
        "[::1",
        "recorder-7.evil.example",
        "0x7f000001.evil.example",
    ],
)
def test_not_own(host: str) -> None:
    assert not is_own_host(host, NAMES)


@given(st.text(max_size=40))
def test_any_text_is_an_answer(host: str) -> None:
    assert is_own_host(host, ()) in (True, False)
