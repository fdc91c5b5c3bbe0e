"""A furnished school, its owner signed in, and a browser tab."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import av
import pytest

from agent.standalone.console.access import COOKIE
from agent.standalone.server import EmbeddedServer
from recorder.pictures.pictures import encode_jpeg
from tests.media import MakeSample
from tests.servers.chromium import Tab, tab
from tests.standalone.console.school import School, furnish
from tests.standalone.helpers import Api, FakeClock, ScriptedAgent, set_up


@pytest.fixture
async def school(api: Api, agent: ScriptedAgent, clock: FakeClock, sample: MakeSample, tmp_path: Path) -> School:
    """The school at 10:20, with slices that play."""
    film = sample()
    shutil.copy(film, tmp_path / "film.mp4")  # beside which its picture lies; the sample is every test's
    with av.open(str(film)) as container:
        (tmp_path / "film.jpg").write_bytes(encode_jpeg(next(container.decode(video=0))))
    found = await furnish(api, agent, clock, tmp_path / "film.mp4")
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
