"""WS-Discovery: answers of every kind, and a real multicast on loopback."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main
from agent.onvif.discovery import GROUP, discover, matches, probe
from agent.onvif.messages import Found

_MATCH = """<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Body><d:ProbeMatches><d:ProbeMatch>
<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Room%20301
 onvif://www.onvif.org/hardware/C-1</d:Scopes>
<d:XAddrs>{services}</d:XAddrs></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"""


def test_a_device_with_its_name_and_addresses() -> None:
    services = "http://192.168.1.64:8080/onvif/device_service http://[fe80::1]/onvif/device_service"
    (found,) = matches(_MATCH.format(services=services).encode())
    assert found == Found(
        host="192.168.1.64", port=8080, name="Room 301", hardware="C-1", services=tuple(services.split())
    )


def test_an_answer_without_a_usable_address_is_none() -> None:
    assert matches(_MATCH.format(services="file:///etc/passwd http://[::").encode()) == []
    assert matches(probe()) == []


def test_no_entity_is_resolved() -> None:
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + _MATCH.format(services="http://a/&a;").encode()[21:]
    )
    for found in matches(bomb):
        assert "root:" not in found.model_dump_json()


@given(st.one_of(st.binary(max_size=200), st.text(max_size=60).map(lambda one: _MATCH.format(services=one).encode())))
def test_any_datagram_is_answered_with_a_list(datagram: bytes) -> None:
    assert isinstance(matches(datagram), list)


async def test_a_device_in_the_network_is_found(capfd: pytest.CaptureFixture[str]) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.setblocking(False)
        device.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        device.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        device.bind(GROUP)
        membership = struct.pack("4s4s", socket.inet_aton(GROUP[0]), socket.inet_aton("127.0.0.1"))
        device.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)

        async def be_a_device() -> None:
            while True:
                datagram, asker = await loop.sock_recvfrom(device, 65_536)
                assert b"NetworkVideoTransmitter" in datagram
                await loop.sock_sendto(device, b"\x00 no XML", asker)
                await loop.sock_sendto(device, _MATCH.format(services="http://127.0.0.1/onvif").encode(), asker)

        answering = asyncio.create_task(be_a_device())
        (found,) = await discover(1.0, "127.0.0.1")
        asked = ["discover", "--seconds", "1", "--interface", "127.0.0.1", "--lang", "zh"]
        assert await asyncio.to_thread(main, asked) == 0
        answering.cancel()
    assert (found.host, found.port, found.name) == ("127.0.0.1", 80, "Room 301")
    shown = capfd.readouterr().out
    assert "型号" in shown
    assert "Room 301" in shown
