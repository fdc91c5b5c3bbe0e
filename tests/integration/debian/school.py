"""Runs inside the installed root: `serve FOLDER` is a school's server, `seed FOLDER FILM` gives its agent a lesson,
`camera ADDRESS` answers who looks for ONVIF devices.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from pathlib import Path

from agent.onvif.discovery import GROUP
from agent.standalone.demo import seed
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings


async def serve(folder: Path) -> None:
    """Until it is killed; `keys.json` says what an administrator would read off the console."""
    server = EmbeddedServer(ServerSettings(data_dir=folder, port=8480))
    await server.start()
    keys = {"url": server.url, "enrol_key": server.enrol_key, "credential": server.credential}
    (folder / "keys.json").write_text(json.dumps(keys))
    await asyncio.Event().wait()


async def give_lesson(folder: Path, film: str) -> None:
    """A channel that plays the film, and two hours of lesson from now on."""
    keys = json.loads((folder / "keys.json").read_text())
    plan = await seed(keys["url"], keys["credential"], film, now=time.time())
    print(json.dumps({"camera_id": plan.camera_id, "courses": [lesson.course_id for lesson in plan.lessons]}))


def answer_probes(address: str) -> None:
    """As a camera does, for ever."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(GROUP)
        membership = socket.inet_aton(GROUP[0]) + socket.inet_aton(address)
        device.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        while True:
            _, asker = device.recvfrom(65_536)
            device.sendto(
                f"<ProbeMatch><XAddrs>http://{address}/onvif/device_service</XAddrs></ProbeMatch>".encode(), asker
            )


if __name__ == "__main__":
    _, order, where, *more = sys.argv
    if order == "camera":
        answer_probes(where)
    asyncio.run(serve(Path(where)) if order == "serve" else give_lesson(Path(where), *more))
