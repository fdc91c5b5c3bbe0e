"""WS-Discovery: answers of every kind, and a real multicast on loopback."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main
from agent.onvif.discovery import discover, matches, probe
from agent.onvif.messages import Found
from tests.servers.onvif_device import discoverable, probe_match


def test_a_device_with_its_name_and_addresses() -> None:
    services = "http://192.168.1.64:8080/onvif/device_service http://[fe80::1]/onvif/device_service"
    (found,) = matches(probe_match(services))
    assert found == Found(
        host="192.168.1.64", port=8080, name="Room 301", hardware="C-1", services=tuple(services.split())
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


async def test_a_device_in_the_network_is_found(capfd: pytest.CaptureFixture[str]) -> None:
    async with discoverable("http://127.0.0.1/onvif"):
        (found,) = await discover(1.0, "127.0.0.1")
        asked = ["discover", "--seconds", "1", "--interface", "127.0.0.1", "--lang", "zh"]
        assert await asyncio.to_thread(main, asked) == 0
    assert (found.host, found.port, found.name) == ("127.0.0.1", 80, "Room 301")
    shown = capfd.readouterr().out
    assert "型号" in shown
    assert "Room 301" in shown
