"""News of the network, from the kernel: in a network of the test's own, which begins with a loopback that is down."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.channels.channel import Channel
from agent.channels.network import NetworkNotice, messages
from agent.schedule.reconciler import Desired
from agent.wire.models import WireCamera
from recorder.specs import Tuning
from tests.agent.rooms import rooms_in
from tests.media import MakeSample

ROOT = Path(__file__).parents[3]
OWN_NETWORK = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def has_own_network() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*OWN_NETWORK, "true"], check=False).returncode == 0


def set_loopback(flags: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))


async def up_down_up() -> None:
    """Run in a process of its own by the test below."""
    news = asyncio.Event()
    notice = NetworkNotice(news.set)
    notice.open()
    for _ in range(2):
        set_loopback(IFF_UP | IFF_RUNNING)
        for _ in ("soon", "later"):
            await asyncio.wait_for(news.wait(), 30)
            news.clear()
        set_loopback(0)
    notice.close()


@pytest.mark.skipif(not has_own_network(), reason="no network namespace may be made here")
def test_a_network_that_comes_and_comes_back_is_news() -> None:
    script = "import asyncio\nfrom tests.agent.channels.test_network import up_down_up\nasyncio.run(up_down_up())"
    done = subprocess.run([*OWN_NETWORK, sys.executable, "-c", script], cwd=ROOT, timeout=120, check=False)
    assert done.returncode == 0


def test_a_datagram_that_is_cut_or_lies_ends_the_reading() -> None:
    link = struct.pack("=IHHII", 32, 16, 0, 0, 0) + bytes(16)
    address = struct.pack("=IHHII", 16, 20, 0, 0, 0)
    assert [kind for kind, _ in messages(link + address)] == [16, 20]
    assert list(messages(address[:-1])) == []
    assert list(messages(struct.pack("=IHHII", 0, 20, 0, 0, 0) + address)) == []
    assert list(messages(struct.pack("=IHHII", 20, 16, 0, 0, 0) + bytes(4))) == []


async def test_a_camera_that_waits_is_tried_again_when_the_network_comes(tmp_path: Path, sample: MakeSample) -> None:
    film = tmp_path / "film.mp4"
    camera = WireCamera(camera_id=7, camera_name="Room", stream_prop=1, stream_mp4=str(film))
    async with rooms_in(tmp_path) as rooms:
        patient = replace(rooms.setup, limits=replace(rooms.setup.limits, retry_min_sec=600, retry_max_sec=600))
        channel = Channel(camera, patient)
        channel.want(Desired(connect=True, reconnect=True, due=()), Tuning())
        await rooms.until(lambda: channel.link.state == "waiting" and (channel.link.retry_sec or 0) > 300)
        film.symlink_to(sample(seconds=8, gop_sec=1))
        channel.retry()
        await rooms.until(lambda: channel.online)
        await channel.close()
