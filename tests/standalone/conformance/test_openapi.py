"""The served OpenAPI document: right by OpenAPI's own rules, and kept by the server whatever it is called with."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import pytest
from openapi_spec_validator import validate
from sqlalchemy import func, select

from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.standalone.store.schema import Audit
from tests.standalone.conformance.world import Template, world

EXAMPLES = int(os.environ.get("GATHER_API_EXAMPLES", "10"))
SEED = os.environ.get("GATHER_SEED", "7")
_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
_CHECKS += ",unsupported_method,allow_header_conformance"
_SECONDS_AN_EXAMPLE = 60.0


async def test_the_document_is_open_and_valid(server: EmbeddedServer, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{server.url}/api/v1/openapi.json") as response:
        assert response.status == 200
        document = await response.json()
    validate(document)
    assert document["servers"] == [{"url": server.url}]
    assert len(document["paths"]) == 32
    async with http.post(f"{server.url}/api/v1/openapi.json") as response:
        assert response.status == 405


@pytest.mark.integration
@pytest.mark.parametrize("strings", [False, True], ids=["numbers", "numbers_as_strings"])
async def test_calls_made_up_from_it(template: Template, tmp_path: Path, strings: bool) -> None:
    settings = ServerSettings(tmp_path / "world", timezone="Asia/Shanghai", numbers_as_strings=strings)
    async with world(template, settings, "query") as here:
        config = tmp_path / "schemathesis.toml"
        config.write_text(f'[auth.openapi.token]\napi_key = "{here.api.token}"\n', encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
            f"{here.api.server.url}/api/v1/openapi.json",
            *("--checks", _CHECKS, "--max-examples", str(EXAMPLES), "--seed", SEED, "--warnings", "off"),
            *("--phases", "coverage,fuzzing", "--generation-database", "none", "--no-color"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), _SECONDS_AN_EXAMPLE * max(EXAMPLES, 10))
        print(said.decode())
        assert process.returncode == 0, said.decode()
        changes = await here.api.server._services.database.run(
            lambda session: session.scalar(select(func.count()).select_from(Audit))
        )
        assert changes is not None and changes > 50, "calls with a good token came through"
