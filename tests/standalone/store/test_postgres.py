"""What only a database server can do: be started anew, or be away."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from tests.servers.postgres import postgres
from tests.standalone.helpers import Api, FakeClock

pytestmark = pytest.mark.integration


async def test_a_restart_of_the_database_costs_nobody_an_error(
    tmp_path: Path, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    with postgres() as database:
        settings = ServerSettings(tmp_path, timezone="Asia/Shanghai", database_url=database.database())
        server = EmbeddedServer(settings, clock)
        await server.start()
        try:
            api = Api(http, server)
            await api.sign_in()
            await api.ok("add_school", name="一中", addr="镇")
            database.restart()
            assert (await api.ok("list_school"))["total_num"] == 2
            database.stop()
            async with http.get(api.url("list_school", {"token": api.token})) as response:
                assert (response.status, (await response.json())["err_code"]) == (500, 500)
            database.start()
            assert (await api.ok("list_school"))["total_num"] == 2
        finally:
            await server.stop()
