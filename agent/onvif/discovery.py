"""WS-Discovery: which ONVIF devices are in this machine's networks. Asked on request only, never by the daemon itself.

    python -m agent.onvif.discovery SECONDS [LOCAL ADDRESS]     a JSON array of `Found`

Probes to 239.255.255.250:3702 (WS-Discovery 1.1, 2.4) from every address of this machine, and every ProbeMatch that
comes back.  A process of its own, as the answers are XML of whoever hears the question.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import sys
import uuid
from collections.abc import Iterable, Sequence
from urllib.parse import unquote, urlsplit

from agent.onvif.interfaces import addresses
from agent.onvif.messages import Found, FoundList
from agent.onvif.soap import NotOnvif, parse, tag, text

GROUP = ("239.255.255.250", 3702)
_MOST_BYTES = 65_536
_AGAIN_SEC = (0.0, 0.4, 0.8)
"""Waits before each time that it is asked: a datagram may be lost, by a busy camera too (WS-Discovery 1.1, 3.1.3)."""
_TYPES = (
    'xmlns:k="http://www.onvif.org/ver10/network/wsdl"><d:Types>k:NetworkVideoTransmitter',
    'xmlns:k="http://www.onvif.org/ver10/device/wsdl"><d:Types>k:Device',
)
"""What is looked for, in questions apart: one for both would be answered by who is both (ONVIF Core 7.3.2)."""
_PROBE = """<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">
<e:Header><w:MessageID>uuid:{message}</w:MessageID>
<w:To e:mustUnderstand="true">urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>
<w:Action e:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>
<e:Body><d:Probe {types}</d:Types></d:Probe></e:Body></e:Envelope>"""

Networks = Sequence[ipaddress.IPv4Interface]


def probe(types: str = _TYPES[0]) -> bytes:
    """A question that no other has been the same as."""
    return _PROBE.format(message=uuid.uuid4(), types=types).encode()


def matches(datagram: bytes, sender: str = "", networks: Networks = ()) -> list[Found]:
    """The devices in one answer, which came from `sender`; none where it is anything else."""
    try:
        root = parse(datagram[:_MOST_BYTES])
    except NotOnvif:
        return []
    found = []
    for match in (one for one in root.iter() if tag(one) == "ProbeMatch"):
        services = tuple(one for one in text(match, "XAddrs").split() if one.startswith(("http://", "https://")))
        endpoint = text(match, "EndpointReference", "Address")[:200]
        device = _device(services, text(match, "Scopes").split(), endpoint, sender, networks)
        if device is not None:
            found.append(device)
    return found


def each_once(found: Iterable[Found]) -> list[Found]:
    """A device that answered several questions, or at several of this machine's addresses, once; by address.

    Its endpoint alone is not enough: cheap cameras are sold with the same one.
    """
    devices: dict[tuple[str, tuple[str, ...]], Found] = {}
    for one in found:
        key = (one.endpoint, one.services)
        if key not in devices or (one.near and not devices[key].near):
            devices[key] = one
    hosts = {(one.host, one.port): one for one in devices.values()}
    return sorted(hosts.values(), key=_in_order)


async def discover(seconds: float, interface: str = "") -> list[Found]:
    """Ask, and listen for so long. `interface`: the local address to ask from, empty: from every one.

    Raises `OSError` where this machine can ask from none.
    """
    networks = addresses()
    found: list[Found] = []
    mine = [interface] if interface else [str(one.ip) for one in networks]
    failed = await asyncio.gather(*(_ask(one, seconds, found, networks) for one in mine))
    if all(failed):
        raise next(filter(None, failed), OSError("it has no address in any network"))
    return each_once(found)


async def _ask(address: str, seconds: float, found: list[Found], networks: Networks) -> OSError | None:
    """Put what answers into `found`; what kept it from asking."""
    hearer = _Hearer(found, networks)
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        sock.bind((address, 0))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: hearer, sock=sock)
    except OSError as error:
        sock.close()
        return error
    with contextlib.closing(transport), contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for wait in _AGAIN_SEC:
                await asyncio.sleep(wait)
                for types in _TYPES:
                    transport.sendto(probe(types), GROUP)
            await asyncio.sleep(seconds)
    return hearer.failed


class _Hearer(asyncio.DatagramProtocol):
    def __init__(self, found: list[Found], networks: Networks) -> None:
        self._found, self._networks = found, networks
        self.failed: OSError | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._found += matches(data, addr[0], self._networks)

    def error_received(self, exc: Exception) -> None:
        self.failed = exc if isinstance(exc, OSError) else None


def _device(
    services: tuple[str, ...], scopes: list[str], endpoint: str, sender: str, networks: Networks
) -> Found | None:
    """A device at the address by which it is reached: cameras tell all they have, some of them no other can reach."""
    places = [place for service in services if (place := _place(service)) is not None]
    if not places:
        return None
    from_here = sender.startswith("127.")
    usable = [one for one in places if from_here or _near(one[0], networks) or one[0] == sender or not sender]
    usable.sort(key=lambda one: one[0] != sender)
    host, port = usable[0] if usable else (sender, places[0][1])
    return Found(
        host=host,
        port=port,
        name=_scope(scopes, "name"),
        hardware=_scope(scopes, "hardware"),
        services=services,
        endpoint=endpoint,
        near=from_here or not networks or _near(host, networks),
    )


def _place(service: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(service)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    return (host, port) if host else None


def _near(host: str, networks: Networks) -> bool:
    """Whether it is in a network of this machine; of IPv6 and of names nothing is known."""
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return any(address in one.network for one in networks if not one.is_loopback)


def _scope(scopes: list[str], kind: str) -> str:
    wanted = re.compile(rf"(?i)onvif://www\.onvif\.org/{kind}/(.+)")
    return next((unquote(found[1])[:100].strip() for one in scopes if (found := wanted.match(one))), "")


def _in_order(one: Found) -> tuple[int, bytes, str]:
    try:
        return 4, ipaddress.IPv4Address(one.host).packed, one.host
    except ValueError:
        return 6, b"", one.host


def main() -> None:
    """As the command line calls it."""
    seconds, *interface = sys.argv[1:]
    sys.stdout.buffer.write(FoundList.dump_json(asyncio.run(discover(float(seconds), *interface))))


if __name__ == "__main__":
    main()
