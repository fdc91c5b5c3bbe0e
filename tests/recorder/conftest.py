"""Fixtures of the recorder's tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a recorder puts its slices; the channel's picture stands beside it."""
    folder = tmp_path / "slices"
    folder.mkdir()
    return folder
