"""Fixtures of all rooms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from recorder.sample import make_sample
from tests.media import MakeSample
from tests.recorder.processes import Forks

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("gather", deadline=None)
settings.load_profile("gather")


def pytest_sessionstart(session: pytest.Session) -> None:
    """On a fresh clone pytest rewrites the assertions of all test modules, 6 s of work that each worker would do.

    Each begins with a part of its own instead, and then finds the others' parts written.
    """
    if (worker := getattr(session.config, "workerinput", None)) is None:
        return
    if session.config.args != session.config.getini("testpaths"):
        return
    root = session.config.rootpath
    modules = sorted(path.relative_to(root) for path in (root / "tests").rglob("test_*.py"))
    for module in modules[int(worker["workerid"][2:]) :: worker["workercount"]]:
        import_module(".".join(module.with_suffix("").parts))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> MakeSample:
    """`sample(seconds=4, width=320, ...)`: a file of `make_sample`, made once a session for the same arguments.

    Four seconds of 320x180 by default; do not write to it.
    """
    folder = tmp_path_factory.mktemp("samples")

    @cache
    def make(**wanted: Any) -> Path:
        name = "_".join(f"{key}-{value}" for key, value in sorted(wanted.items())) or "default"
        return make_sample(folder / f"{name}.mp4", **{"seconds": 4, "width": 320, "height": 180, **wanted})

    return make


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """A fork server for the recorders of a module's tests; each test ends its own and hears of it."""
    with closing(Forks()) as forks:
        yield forks
