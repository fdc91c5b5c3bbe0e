"""A world to copy, made once."""

from __future__ import annotations

import asyncio

import pytest

from tests.standalone.conformance.world import Template, make_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return asyncio.run(make_template(tmp_path_factory.mktemp("conformance") / "template"))
