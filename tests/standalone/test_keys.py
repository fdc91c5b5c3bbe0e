"""What the server signs opens what it was made for, as long as it was made for, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.standalone.keys import ADMISSION_SECONDS, KNOWN_BROWSER_SECONDS, Keys, TokenInvalid
from tests.standalone.helpers import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def keys(tmp_path: Path, clock: FakeClock) -> Keys:
    return Keys(tmp_path / "keys.json", clock)


def test_an_admission_is_for_one_purpose_and_one_number(keys: Keys) -> None:
    ticket = keys.admission("camera", 7)
    assert keys.admitted("camera", ticket) == 7
    assert keys.admitted("record", ticket) is None
    with pytest.raises(TokenInvalid):
        keys.check_api_token(ticket)
    assert keys.admitted("camera", keys.api_token(7)) is None


def test_an_admission_ends_with_its_time_and_with_the_credential(keys: Keys, clock: FakeClock) -> None:
    ticket = keys.admission("record", 7)
    clock.now += ADMISSION_SECONDS
    assert keys.admitted("record", ticket) == 7
    clock.now += 1
    assert keys.admitted("record", ticket) is None
    another = keys.admission("record", 7)
    keys.replace_credential()
    assert keys.admitted("record", another) is None


def test_a_browser_is_known_for_its_account_alone(keys: Keys, clock: FakeClock) -> None:
    cookie = keys.known_browser("owner")
    known = keys.known_browser_of(cookie, "owner")
    assert known
    assert keys.known_browser_of(keys.known_browser("owner"), "owner") not in ("", known)
    assert keys.known_browser_of(cookie, "teacher") == ""
    clock.now += KNOWN_BROWSER_SECONDS + 1
    assert keys.known_browser_of(cookie, "owner") == ""


def test_a_form_belongs_to_one_session_of_this_server(keys: Keys, clock: FakeClock, tmp_path: Path) -> None:
    assert keys.form_token("a") == Keys(tmp_path / "keys.json", clock).form_token("a")
    assert keys.form_token("a") != keys.form_token("b")
    assert keys.form_token("a") != Keys(tmp_path / "others.json", clock).form_token("a")
