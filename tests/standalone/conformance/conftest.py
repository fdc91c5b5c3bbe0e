"""A world to copy, made once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from tests.servers.postgres import Postgres
from tests.standalone.conformance.world import Template, make_template


@dataclass(frozen=True)
class OnPostgres:
    """A template whose database is one of this server's."""

    template: Template
    server: Postgres
    database: str


@pytest.fixture(scope="session")
def on_postgres(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> OnPostgres:
    url = postgres_server.database()
    folder = tmp_path_factory.mktemp("conformance-postgres") / "template"
    return OnPostgres(asyncio.run(make_template(folder, url)), postgres_server, url)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return asyncio.run(make_template(tmp_path_factory.mktemp("conformance") / "template"))
