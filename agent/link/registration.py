"""Registration: who this agent is, and what the server says to that. Tried for ever, with jitter."""

from __future__ import annotations

import logging
import platform
import re
import socket
import uuid
from urllib.parse import urljoin, urlsplit

from agent import __version__
from agent.link.client import ServerClient
from agent.link.failure import ServerError
from agent.wire.models import RegisterReply, RegisterRequest

log = logging.getLogger(__name__)

PATH = "/gather/v1/register"


def this_machine(agent_uid: str, server_url: str, name: str) -> RegisterRequest:
    """What the server is told of this machine. The MAC is only shown there; identity is `agent_uid`."""
    mac = uuid.getnode()
    # Bit 40 set means that no adapter was found and the number is random (uuid.getnode): better none than a wrong one.
    mac_addr = "" if (mac >> 40) & 1 else "-".join(f"{mac:012X}"[i : i + 2] for i in range(0, 12, 2))
    return RegisterRequest(
        agent_uid=agent_uid,
        mac_addr=mac_addr,
        ip_addr=_own_address(server_url),
        name_pc=name or socket.gethostname(),
        os_name=f"{platform.system()} {platform.release()} {platform.machine()}",
        version=__version__,
    )


async def register(client: ServerClient, request: RegisterRequest, token: str, enrol_key: str) -> RegisterReply:
    """One registration, with the agent's own token, or with the enrolment key when there is none or it is refused.

    Raises `ServerError`.
    """
    if token:
        try:
            return _usable(await client.post(PATH, request, RegisterReply, token=token))
        except ServerError as error:
            if not (error.refused and enrol_key):
                raise
            log.warning("the server does not know this agent's token any more; registering anew with the enrolment key")
    if not enrol_key:
        raise ServerError(
            "this agent has no token yet and no enrolment key: set server.enrol_key or server.enrol_key_file",
            "no_key",
            refused=True,
        )
    return _usable(await client.post(PATH, request, RegisterReply, token=enrol_key))


def _usable(reply: RegisterReply) -> RegisterReply:
    if re.fullmatch(r"[!-~]*", reply.token) is None:
        raise ServerError("the server gives this agent a token that no HTTP header can carry", "garbage")
    return reply


def relay_address(base_url: str, relay_url: str) -> str:
    """The relay's websocket address; a server may name it relative to itself. Raises `ServerError`."""
    nonsense = ServerError(f"the server names {relay_url!r} as relay, which is no websocket address", "garbage")
    try:
        address = urljoin(base_url.rstrip("/") + "/", relay_url)
        parts = urlsplit(address)
        whole = parts.hostname is not None and parts.port != 0
    except ValueError as error:  # a port or an IPv6 address that is none
        raise nonsense from error
    if not relay_url or not whole or parts.scheme not in ("ws", "wss", "http", "https"):
        raise nonsense
    return "ws" + address.removeprefix("http") if parts.scheme in ("http", "https") else address


def _own_address(server_url: str) -> str:
    """The address of the adapter that leads to the server. Connecting a datagram socket sends nothing."""
    parts = urlsplit(server_url)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return ""
