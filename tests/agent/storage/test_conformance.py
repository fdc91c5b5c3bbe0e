"""Every kind of storage passes the same scenarios, and what is written of each in docs/storage.md is what happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.storage.scenarios import SCENARIOS
from tests.agent.storage.stands import dav_stand, fastdfs_stand, folder_stand, http_stand, s3_stand
from tests.agent.storage.table import STANDS, OpenStand, bench_of, documented
from tests.servers.dav_nginx import DavServer, dav_server
from tests.servers.s3_moto import S3Server, s3_server

_LONG = {"line falls silent", "line is slow"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def dav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    with dav_server(tmp_path_factory.mktemp("dav")) as server:
        yield server


@pytest.fixture
def way(name: str, request: pytest.FixtureRequest) -> OpenStand:
    """How the stand of this name is set up."""
    if name == "S3":
        server: S3Server = request.getfixturevalue("s3")
        return lambda _: s3_stand(server)
    if name == "WebDAV":
        nginx: DavServer = request.getfixturevalue("dav")
        return lambda _: dav_stand(nginx)
    return {"folder": folder_stand, "server (HTTP)": http_stand, "FastDFS": fastdfs_stand}[name]


def _cases() -> Iterator[object]:
    for name in STANDS:
        for title in SCENARIOS:
            marks = [pytest.mark.integration] if name in ("S3", "WebDAV") else []
            marks += [pytest.mark.faults] if title in _LONG else []
            yield pytest.param(name, title, marks=marks, id=f"{name}: {title}")


@pytest.mark.parametrize(("name", "title"), list(_cases()))
async def test_what_befalls_a_file_on_its_way(way: OpenStand, tmp_path: Path, name: str, title: str) -> None:
    async with bench_of(tmp_path, way) as bench:
        assert await SCENARIOS[title](bench) == documented()[title, name], "python -m tests.agent.storage.table"


def test_the_document_has_no_other_rows() -> None:
    assert {title for title, _ in documented()} == set(SCENARIOS)
