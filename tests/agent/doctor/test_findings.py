"""The clock, and what every finding says."""

from __future__ import annotations

import string

import pytest

from agent.doctor.clock import check_clock, check_zone, kernel_synchronised
from agent.doctor.findings import Finding, error, note, ok, warning, worst
from agent.doctor.phrases import PHRASES

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("offset", "synchronised", "found"),
    [
        (0.4, True, [("ok", "clock_well"), ("ok", "clock_synchronised")]),
        (None, None, []),
        (None, False, [("warning", "clock_free")]),
        (-12.0, True, [("warning", "clock_off"), ("ok", "clock_synchronised")]),
        (3600.0, False, [("error", "clock_off"), ("warning", "clock_free")]),
    ],
)
def test_the_clock(offset: float | None, synchronised: bool | None, found: list[tuple[str, str]]) -> None:
    assert [(one.severity, one.code) for one in check_clock(offset, synchronised, NOW)] == found


def test_which_way_the_clock_is_off() -> None:
    (ahead,), (behind,) = check_clock(3600.0, None, NOW), check_clock(-3600.0, None, NOW)
    assert "3600 s ahead of the server's" in ahead.what("en")
    assert "比服务器快 3600 秒" in ahead.what("zh")
    assert "3600 s behind the server's" in behind.what("en")
    assert [one.code for one in check_clock(0.0, None, 60.0)] == ["clock_absurd"]
    assert kernel_synchronised() in (True, False, None)


def test_the_server_s_zone() -> None:
    assert [one.code for one in check_zone("Asia/Nowhere")] == ["zone_unknown"]
    assert list(check_zone("Asia/Shanghai")) == list(check_zone("")) == []


def test_every_finding_speaks_both_languages_with_the_same_fields() -> None:
    for code, (what, what_zh, advice, advice_zh) in PHRASES.items():
        assert bool(advice) == bool(advice_zh), code
        if code != "camera_no_source":
            assert what != what_zh, code
        assert _fields(what) - {"direction"} <= _fields(what_zh) | _fields(advice_zh), code
        assert _fields(what_zh) - {"direction_zh"} <= _fields(what) | _fields(advice), code
        assert _fields(advice_zh) <= _fields(what) | _fields(advice), code


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_the_worst_counts_and_secrets_are_hidden() -> None:
    assert worst([]) == worst([ok("unit_well", "u")]) == "ok"
    assert worst([note("server_none"), warning("daemon_off")]) == "warning"
    assert worst([error("unit_no_user", "u", user="x"), ok("unit_well", "u")]) == "error"
    told = Finding("error", "camera_silent", "rtsp://u:secret-pw@h/x", {"why": "rtsp://u:secret-pw@h/x is mute"})
    assert "secret-pw" not in str(told.as_json("en"))
