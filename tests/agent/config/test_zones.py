"""Zones that exist, and the one that was probably meant."""

from __future__ import annotations

from agent.config.zones import known, nearest


def test_nearest_and_known() -> None:
    assert nearest("shanghai") == "Asia/Shanghai"
    assert nearest("New York") == "America/New_York"
    assert nearest("xyzzy") == ""
    assert known("Asia/Shanghai")
    assert not known("Asia")
    assert not known("/etc/passwd")
