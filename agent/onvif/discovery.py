"""WS-Discovery: which ONVIF devices are in this network. Asked on request only, never by the daemon itself.

    python -m agent.onvif.discovery SECONDS [LOCAL ADDRESS]     a JSON array of `Found`

One Probe to 239.255.255.250:3702 (WS-Discovery 1.1, 2.4), and every ProbeMatch that comes back.  A process of its own,
as the answers are XML of whoever hears the question.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import uuid
from urllib.parse import unquote, urlsplit

from agent.onvif.messages import Found, FoundList
from agent.onvif.soap import NotOnvif, parse, tag, text

GROUP = ("239.255.255.250", 3702)
_MOST_BYTES = 65_536
_PROBE = """<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">
<e:Header><w:MessageID>uuid:{message}</w:MessageID>
<w:To e:mustUnderstand="true">urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>
<w:Action e:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>
<e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"""


def probe() -> bytes:
    """A question that no other has been the same as."""
    return _PROBE.format(message=uuid.uuid4()).encode()


def matches(datagram: bytes) -> list[Found]:
    """The devices in one answer; none where it is anything else."""
    try:
        root = parse(datagram[:_MOST_BYTES])
    except NotOnvif:
        return []
    found = []
    for match in (one for one in root.iter() if tag(one) == "ProbeMatch"):
        services = tuple(one for one in text(match, "XAddrs").split() if one.startswith(("http://", "https://")))
        device = _device(services, text(match, "Scopes").split())
        if device is not None:
            found.append(device)
    return found


async def discover(seconds: float, interface: str = "") -> list[Found]:
    """Ask, and listen for so long. `interface`: the local address to ask from, empty: as the system routes it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    if interface:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
        sock.bind((interface, 0))
    found: dict[str, Found] = {}
    loop = asyncio.get_running_loop()
    with sock, contextlib.suppress(TimeoutError):
        await loop.sock_sendto(sock, probe(), GROUP)
        async with asyncio.timeout(seconds):
            while True:
                for device in matches(await loop.sock_recv(sock, _MOST_BYTES)):
                    found[device.host] = device
    return sorted(found.values(), key=lambda one: one.host)


def _device(services: tuple[str, ...], scopes: list[str]) -> Found | None:
    for service in services:
        try:
            parts = urlsplit(service)
            host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            continue
        if host:
            name, hardware = _scope(scopes, "name"), _scope(scopes, "hardware")
            return Found(host=host, port=port, name=name, hardware=hardware, services=services)
    return None


def _scope(scopes: list[str], kind: str) -> str:
    prefix = f"onvif://www.onvif.org/{kind}/"
    return next((unquote(one.removeprefix(prefix))[:100] for one in scopes if one.startswith(prefix)), "")


def main() -> None:
    """As the command line calls it."""
    seconds, *interface = sys.argv[1:]
    sys.stdout.buffer.write(FoundList.dump_json(asyncio.run(discover(float(seconds), *interface))))


if __name__ == "__main__":
    main()
