"""WS-Discovery: answers of every kind, and a real multicast on loopback."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main
from agent.cli.discover import Channel, remarks
from agent.cli.phrases import PHRASES
from agent.onvif.discovery import discover, each_once, matches, probe
from agent.onvif.interfaces import addresses
from agent.onvif.messages import Found
from agent.state import Known
from agent.wire.models import WireCamera
from agent.words import Words
from tests.servers.onvif_device import discoverable, probe_match


def test_a_device_with_its_name_and_addresses() -> None:
    services = "http://192.168.1.64:8080/onvif/device_service http://[fe80::1]/onvif/device_service"
    (found,) = matches(probe_match(services))
    assert found == Found(
        host="192.168.1.64",
        port=8080,
        name="Room 301",
        hardware="C-1",
        services=tuple(services.split()),
        endpoint="urn:uuid:1",
    )


def test_an_answer_without_a_usable_address_is_none() -> None:
    assert matches(probe_match("file:///etc/passwd http://[::")) == []
    assert matches(probe()) == []


def test_no_entity_is_resolved() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + probe_match("http://a/&a;")[21:]
    for found in matches(bomb):
        assert "root:" not in found.model_dump_json()


@given(st.one_of(st.binary(max_size=200), st.text(max_size=60).map(probe_match)))
def test_any_datagram_is_answered_with_a_list(datagram: bytes) -> None:
    assert isinstance(matches(datagram), list)


MINE = [IPv4Interface("10.1.0.9/16"), IPv4Interface("192.168.8.2/24"), IPv4Interface("127.0.0.1/8")]


@pytest.mark.parametrize(
    ("services", "sender", "host", "near"),
    [
        ("http://10.1.2.3/onvif", "10.1.2.3", "10.1.2.3", True),
        ("http://[fe80::1]/a http://169.254.3.4/a http://10.1.2.3:85/a", "10.1.2.3", "10.1.2.3", True),
        ("http://192.168.8.7/a http://10.1.2.3/a", "10.1.2.3", "10.1.2.3", True),  # it has two networks
        ("http://0.0.0.0:8899/onvif", "10.1.2.3", "10.1.2.3", True),
        ("http://172.17.0.2/onvif", "10.1.2.3", "10.1.2.3", True),  # in a container
        ("http://127.0.0.1/onvif", "10.1.2.3", "10.1.2.3", True),
        ("http://10.1.7.7/onvif", "10.1.2.3", "10.1.7.7", True),  # another one answers for it
        ("http://192.168.1.64/onvif", "192.168.1.64", "192.168.1.64", False),  # as it left the factory
        ("http://172.17.0.2/onvif", "127.0.0.1", "172.17.0.2", True),  # here
        ("http://camera.local/onvif", "10.1.2.3", "10.1.2.3", True),
    ],
)
def test_a_device_is_named_by_the_address_by_which_it_is_reached(
    services: str, sender: str, host: str, near: bool
) -> None:
    (found,) = matches(probe_match(services), sender, MINE)
    assert (found.host, found.near) == (host, near)


def test_each_device_once_also_such_as_call_themselves_the_same() -> None:
    twice = "http://192.168.8.7/a http://10.1.2.3/a"
    answers = [(twice, "10.1.2.3"), (twice, "192.168.8.7"), (twice, "10.1.2.3"), ("http://10.1.2.10/a", "10.1.2.10")]
    found = each_once(one for services, sender in answers for one in matches(probe_match(services), sender, MINE))
    assert [one.host for one in found] == ["10.1.2.3", "10.1.2.10"]


async def test_a_device_is_found_from_every_address_of_this_machine() -> None:
    mine = [str(one.ip) for one in addresses()]
    assert "127.0.0.1" in mine
    async with AsyncExitStack() as network:
        for local in mine:
            await network.enter_async_context(discoverable(f"http://{local}/onvif", local))
        found = await discover(3.0)
    assert {one.host for one in found} >= set(mine)
    assert len(found) == len({one.host for one in found})


async def test_a_machine_that_cannot_ask_says_so() -> None:
    with pytest.raises(OSError, match="assign"):
        await discover(0.1, "203.0.113.7")


def test_a_technician_sees_what_is_new_and_what_has_moved() -> None:
    channels = [Channel(1, "讲台", "10.1.2.3"), Channel(2, "后排", "10.1.2.4", away=True), Channel(3, "", "10.1.9.9")]
    found = [
        Found(host="10.1.2.3", name="Cam", hardware="C-1", services=("http://10.1.2.3/a",)),
        Found(host="10.1.2.8", services=("http://10.1.2.8/a",)),
        Found(host="192.168.1.64", services=("http://192.168.1.64/a",), near=False),
    ]
    told = list(remarks(found, channels, Words("en", PHRASES)))
    assert "192.168.1.64 answers and is in no network" in told[0]
    assert "Channel 2 后排 is away and no camera answers at 10.1.2.4: is it one of the new ones" in told[1]
    assert "doctor onvif://10.1.2.8" in told[2]
    assert "10.1.2.4 没有摄像机应答" in next(iter(remarks(found[:1], channels, Words("zh", PHRASES))))
    assert not list(remarks(found[:1], None, Words("zh", PHRASES)))[1:]


async def test_a_device_in_the_network_is_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    known = Known(cameras={4: WireCamera(camera_id=4, camera_name="Hall", stream_prop=0, device_ip="127.0.0.1:80")})
    (tmp_path / "state").mkdir()
    (tmp_path / "state/agent.json").write_text(known.model_dump_json())
    async with discoverable("http://127.0.0.1/onvif"):
        asked = ["discover", "--seconds", "2", "--interface", "127.0.0.1", "--home", str(tmp_path)]
        assert await asyncio.to_thread(main, [*asked, "--lang", "zh"]) == 0
        shown = capfd.readouterr().out
        assert await asyncio.to_thread(main, [*asked, "--json"]) == 0
        (found,) = json.loads(capfd.readouterr().out)
    assert all(word in shown for word in ("型号", "Room 301", "4 Hall"))
    assert (found["host"], found["hardware"]) == ("127.0.0.1", "C-1")
    assert found["channels"] == [{"camera_id": 4, "name": "Hall"}]
