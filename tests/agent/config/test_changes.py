"""What a changed configuration means for a running daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.config import LoadedConfig, load_config, secrets_of
from agent.config.changes import AT_ONCE, effect_of, plan
from agent.config.problems import fields


def loaded(**keys: Any) -> LoadedConfig:
    overrides = {key.replace("__", "."): value for key, value in keys.items()}
    return load_config(env={"HOME": "/nowhere"}, overrides=overrides, search=())


def test_every_key_that_works_at_once_exists() -> None:
    assert fields().keys() >= AT_ONCE
    assert {effect_of(key) for key in fields()} == {"now", "connection", "restart"}


def test_nothing_changed() -> None:
    decided = plan(loaded().config, loaded())
    assert not decided
    assert decided.config == loaded().config


def test_what_needs_a_restart_stays_and_is_told_until_it_happens() -> None:
    found = loaded(server__url="http://new", log__level="debug", record__stall_sec=9.0, upload__rate_kbit=500)
    decided = plan(loaded().config, found)
    assert [(change.key, change.effect) for change in decided.changes] == [
        ("server.url", "restart"),
        ("record.stall_sec", "connection"),
        ("upload.rate_kbit", "now"),
        ("log.level", "now"),
    ]
    taken = decided.config
    assert (taken.server.url, taken.log.level) == ("", "debug")
    assert (taken.record.stall_sec, taken.upload.rate_kbit) == (9.0, 500)
    assert [change.key for change in plan(taken, found).changes] == ["server.url"]
    assert str(decided.changes[0]) == 'server.url: "" -> "http://new" (needs a restart)'
    assert str(decided.changes[2]) == "upload.rate_kbit: 0 -> 500"


def test_secrets_are_not_told() -> None:
    before = loaded(server__enrol_key="first-secret", record__sub_streams={"7": "rtsp://u:p%40ss-word@h/1"})
    after = loaded(server__enrol_key="second-secret", record__sub_streams={"7": "rtsp://u:other-word@h/1"})
    told = " ".join(map(str, plan(before.config, after).changes))
    assert "server.enrol_key: changed" in told
    assert "record.sub_streams: changed" in told
    for secret in ("first-secret", "second-secret", "p%40ss-word", "p@ss-word", "other-word"):
        assert secret not in told
    assert {"first-secret", "p%40ss-word", "p@ss-word"} <= set(secrets_of(before.config))


@pytest.mark.parametrize("database", ["postgresql://u:db-secret@h/d", "sqlite:////x"])
def test_the_database_s_password_is_a_secret(tmp_path: Path, database: str) -> None:
    assert ("db-secret" in secrets_of(loaded(standalone__database=database).config)) == ("db-secret" in database)
