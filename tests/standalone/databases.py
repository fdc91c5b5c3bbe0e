"""Tests of the store run on each database that it may be: SQLite, and a real PostgreSQL (integration)."""

from __future__ import annotations

import pytest

ON_EVERY_DATABASE = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)], indirect=True
)
"""For a module or a test whose fixtures come to `database_url`."""
