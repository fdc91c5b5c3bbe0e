"""Makes docs/doctor.md: faults as they are made in the tests, and what doctor really says to each.

python -m tests.agent.doctor.gallery docs/doctor.md
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agent.cli.common import single_instance
from agent.cli.doctor import lines
from agent.cli.phrases import PHRASES
from agent.config import load_config
from agent.doctor.cameras import CameraDoctor, Target
from agent.doctor.clock import check_clock
from agent.doctor.findings import Finding
from agent.doctor.places import Mounts, Person, check_disk, check_folder, check_lock
from agent.doctor.server import check_server
from agent.doctor.service import check_unit, find_unit
from agent.words import Words
from recorder.sample import make_sample
from recorder.specs import Limits, SourceSpec
from tests.agent.doctor.test_cameras import VP8, UdpLost
from tests.agent.doctor.test_places import mounted
from tests.agent.doctor.test_server import AUTHORITY, GOOD_KEY, answering, configured
from tests.agent.doctor.test_service import OURS
from tests.camera.auth import Guard
from tests.camera.boot import Habits
from tests.camera.camera import Camera
from tests.camera.film import FilmSpec, make_film
from tests.servers.rtsp_gst import file_stream, rtsp_server

HEAD = """\
# What doctor says

`gather-agent doctor` looks at everything, whether the daemon runs or not: folders, disk, journal, clock, server and
its certificate, the service, every camera. `gather-agent doctor rtsp://...` looks at a camera before it is a channel.
It changes nothing. Exit code: 0 nothing has to be done, 1 something should be mended, 2 something does not work.
`--json` gives each finding with a `code` that stays the same; `--lang zh` speaks Chinese.

Below is what it says to faults that were really made: `python -m tests.agent.doctor.gallery docs/doctor.md` makes them
again and writes this page. Folders of that run are called `/var/lib/gather-agent` here.
"""


@dataclass(frozen=True)
class Case:
    """A fault in words, and what was found."""

    title: str
    findings: list[Finding]


async def cameras(folder: Path) -> AsyncIterator[Case]:
    """Faults of cameras."""
    doctor = CameraDoctor(Limits(connect_sec=12, stall_sec=5), look_sec=10)

    async def look(title: str, url: str, **more: str) -> Case:
        spec = SourceSpec("stream", url, more.get("user", ""), more.get("password", ""))
        if more.get("transport") == "udp":
            spec = SourceSpec("stream", url, transport="udp")
        return Case(title, await doctor.look_at(Target(spec)))

    try:
        film = make_film(FilmSpec())
        with Camera(film, guard=Guard("digest", "viewer", "right-password")) as camera:
            yield await look("A wrong password (Digest)", camera.url(), user="viewer", password="wrong")
            yield await look("No password where one is needed", camera.url())
        with Camera(film) as camera:
            yield await look("A wrong path", camera.url() + "/sub")
            camera.inject(UdpLost())
            yield await look("A network that drops UDP (`--transport udp`)", camera.url(), transport="udp")
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        yield await look("A closed port", f"rtsp://127.0.0.1:{port}/stream1")
        yield await look("A name that nobody knows", "rtsp://camera-101.invalid/stream1")
        with Camera(make_film(FilmSpec(seconds=60, gop=1500)), Habits(joins="any")) as camera:
            camera.boots[-1].began -= 2.0  # the film's only key frame is past
            yield await look("No key frame", camera.url())
        with rtsp_server({"/camera": VP8}) as gst:
            yield await look("A codec that cannot be recorded", gst.url())
        clip = make_sample(folder / "clip.mp4", seconds=20, width=320, height=180)
        with rtsp_server({"/camera": file_stream(clip)}) as gst:
            yield await look("And a camera to which nothing is wrong", gst.url())
    finally:
        await doctor.close()


async def servers(folder: Path) -> AsyncIterator[Case]:
    """Faults on the way to the server."""
    authority = folder / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(authority))

    async def look(title: str, port: int, host: str = "localhost", ca_file: Path | None = authority) -> Case:
        found = configured(f"https://{host}:{port}", folder, "a-key", ca_file)
        return Case(title, (await check_server(found, "")).findings)

    with answering(400, GOOD_KEY, certificate="good") as port:
        yield await look("A certificate of an authority that this machine does not know", port, ca_file=None)
    with answering(400, GOOD_KEY, certificate="expired") as port:
        yield await look("An expired certificate", port)
    with answering(400, GOOD_KEY, certificate="other") as port:
        yield await look("A certificate for another name", port)
    with answering(401, b'{"err_code": 401, "err_msg": "no"}', certificate="good") as port:
        yield await look("An enrol key that the server refuses", port)
    with answering(200, b"<html>Please log in</html>", certificate="good") as port:
        yield await look("A login page of the network instead of the server", port)
    yield Case("A clock that is an hour behind", list(check_clock(-3600.0, False, 1_800_000_000.0)))


async def machine(folder: Path) -> AsyncIterator[Case]:
    """Faults of this machine."""
    state = folder / "state"
    config = load_config(overrides={"paths.state": state}, search=()).config
    with single_instance(state):
        yield Case("Another instance with the same folder", list(check_lock(config, folder / "run/control.sock")))
    with ExitStack() as stack:
        disk = stack.enter_context(mounted(folder / "recordings", "size=64m"))
        small = load_config(overrides={"paths.media": disk, "spool.reserve_gb": 0.01}, search=()).config
        yield Case("A disk that is too small for the day", list(check_disk(small, 6 * 3600)))
    service = Person("gather-agent", 990, frozenset({990}))
    state.chmod(0o700)
    nowhere = folder / "none"
    yield Case("A folder that the service may not write", list(check_folder(state, service, Mounts(nowhere, nowhere))))
    fstab = folder / "fstab"
    fstab.write_text("UUID=0b1c /srv/recordings ext4 defaults,nofail 0 2\n")
    unmounted = check_folder(Path("/srv/recordings/room1"), service, Mounts(Path("/proc/self/mounts"), fstab))
    yield Case("A disk that is not mounted", list(unmounted))
    units = folder / "root/etc/systemd/system"
    units.mkdir(parents=True)
    (units / OURS.name).write_text(OURS.read_text())
    unit = find_unit(folder / "root")
    assert unit is not None
    elsewhere = load_config(
        overrides={"paths.state": Path("/var/lib/gather-agent"), "paths.media": Path("/srv/recordings")}, search=()
    ).config
    found = [one for one in check_unit(unit, elsewhere, folder / "root") if one.code == "unit_not_writable"]
    yield Case("Recordings where the unit's sandbox lets nobody write", found)


async def page() -> str:
    """The whole page."""
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, cases in (("Cameras", cameras(folder)), ("Server", servers(folder)), ("Machine", machine(folder))):
            parts.append(f"## {title}\n")
            async for case in cases:
                parts.append(f"### {case.title}\n")
                for language in ("en", "zh"):
                    told = lines(case.findings, Words(language, PHRASES))
                    parts.append("\n".join(f"    {line}".rstrip() for line in told[:-2]) + "\n")
        text = "\n".join(parts)
        return text.replace(f"{folder}/root", "").replace(str(folder), "/var/lib/gather-agent")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(asyncio.run(page()).rstrip() + "\n", encoding="utf-8")
