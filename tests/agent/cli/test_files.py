"""How many files the server's process may have open."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from agent.cli.common import allow_files


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_as_many_as_it_may_have_within_reason(limits: tuple[int, int]) -> None:
    hard = limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, hard))
    allow_files(900)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 1000, "never fewer"
    allow_files(1500)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (1500 if hard < 0 else min(1500, hard), hard)
