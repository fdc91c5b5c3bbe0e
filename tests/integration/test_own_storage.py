"""A whole daemon with a storage of its own: a lesson is recorded, lies in that storage, is listed with an address that
plays, and then leaves the classroom PC.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.school import School, until
from tests.media import MakeSample, assert_plays
from tests.servers import dav_nginx, s3_moto
from tests.servers.dav_nginx import dav_server
from tests.servers.fastdfs import FastDfs
from tests.servers.proxy import threaded
from tests.servers.s3_moto import s3_server
from tests.servers.storage_front import storage_front

pytestmark = pytest.mark.integration

SETTINGS = "GATHER__STORAGE__"


def s3(folder: Path, stack: ExitStack) -> tuple[dict[str, str], str]:
    server = stack.enter_context(s3_server(folder))
    section = {"kind": "s3", "url": server.url, "bucket": s3_moto.BUCKET, "folder": "school/录像"}
    section |= {"user": server.who.access_key, "secret": server.who.secret_key}
    return section, stack.enter_context(storage_front(server.content))


def webdav(folder: Path, stack: ExitStack) -> tuple[dict[str, str], str]:
    server = stack.enter_context(dav_server(folder))
    section = {"kind": "webdav", "url": f"{server.url}/101", "user": dav_nginx.USER, "secret": dav_nginx.PASSWORD}
    return section, stack.enter_context(storage_front(server.content))


def fastdfs(_: Path, stack: ExitStack) -> tuple[dict[str, str], str]:
    server = FastDfs(address_width=45)
    stack.enter_context(threaded(server))
    section = {"kind": "fastdfs", "url": f"fdfs://127.0.0.1:{server.tracker_port}", "bucket": "group1"}
    return section, stack.enter_context(storage_front(server.content))


@pytest.fixture(params=[s3, webdav, fastdfs], ids=lambda kind: kind.__name__)
def school(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[School]:
    """With the storage, the web server before it, and a disk that keeps nothing that may go."""
    setup: Callable[[Path, ExitStack], tuple[dict[str, str], str]] = request.param
    place = tmp_path / "storage"
    place.mkdir()
    with ExitStack() as stack:
        section, front = setup(place, stack)
        env = {f"{SETTINGS}{key.upper()}": value for key, value in section.items()}
        env |= {"GATHER__STANDALONE__STORAGE_ADDR": front, "GATHER__SPOOL__RESERVE_GB": "100000"}
        school = School(tmp_path, **env)
        stack.callback(school.close)
        yield school


def test_a_lesson_lies_in_the_storage_plays_from_there_and_leaves_this_machine(
    school: School, sample: MakeSample, tmp_path: Path
) -> None:
    school.lesson_now(sample(seconds=20), minutes=0.15)
    until("the recording", school.recording)
    (record,) = until("the record", school.records)
    listed = school.api("list_record")
    address = listed["storage_addr"] + urllib.parse.quote(record["file_fdfs"])
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.url != address, "from the storage itself"
        content = answer.read()
    film = tmp_path / "fetched.mp4"
    film.write_bytes(content)
    assert_plays(film)
    with contextlib.closing(sqlite3.connect(tmp_path / "agent/state/journal.sqlite")) as db:
        (size, sha256) = db.execute("SELECT size, sha256 FROM slice").fetchone()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (size, sha256)
    picture = listed["storage_addr"] + urllib.parse.quote(record["image_fdfs"])
    with urllib.request.urlopen(picture, timeout=10) as answer:
        assert answer.read(2) == b"\xff\xd8"
    until("the local copy is gone", lambda: not list(school.slices.glob("*.mp4")))
    status = until("the status", school.status)
    assert status["queue"]["recorded"] == status["queue"]["uploaded"] == 0
