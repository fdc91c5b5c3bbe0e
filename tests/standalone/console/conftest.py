"""A furnished school, its owner signed in, and a browser tab."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from agent.standalone.console.access import COOKIE
from agent.standalone.server import EmbeddedServer
from tests.media import MakeSample
from tests.servers.chromium import Tab, tab
from tests.standalone.console.school import School, furnish
from tests.standalone.helpers import Api, FakeClock, ScriptedAgent, set_up


@pytest.fixture
async def school(api: Api, agent: ScriptedAgent, clock: FakeClock, sample: MakeSample) -> School:
    """The school at 10:20, with slices that play."""
    found = await furnish(api, agent, clock, sample())
    assert await set_up(api.server, api.http) == 303
    return found


@pytest.fixture
async def browser(school: School, server: EmbeddedServer, http: aiohttp.ClientSession) -> AsyncIterator[Tab]:
    """A tab in which the owner is signed in; at the end it must have had nothing to complain about."""
    (cookie,) = [one for one in http.cookie_jar if one.key == COOKIE]
    async with tab() as found:
        await found.cookie(server.url, cookie.key, cookie.value)
        yield found
        assert found.complaints == []
