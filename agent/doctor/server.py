"""The server: name, port, certificate, protocol, and whether it would let this agent in. Changes nothing there."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from agent.config import LoadedConfig
from agent.doctor.findings import Finding, error, note, ok, warning
from agent.doctor.network import REACH_SEC, reach
from agent.link.client import ServerClient, tls_context
from agent.link.registration import PATH
from agent.wire.models import Reply

_EXPIRED, _NOT_YET, _WRONG_HOST, _WRONG_IP = 10, 9, 62, 64
"""OpenSSL's X509_V_ERR_*, as `verify_code` has them."""
_NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""Nothing that speaks the protocol."""


@dataclass(slots=True)
class ServerSeen:
    """What was found, and how far this clock is ahead of the server's (None: it did not say)."""

    findings: list[Finding] = field(default_factory=list)
    offset_sec: float | None = None


async def check_server(found: LoadedConfig, token: str) -> ServerSeen:
    """`token` is the agent's own, empty before its first registration."""
    url = found.config.server.url
    seen = ServerSeen()
    if not url:
        seen.findings.append(note("server_none"))
        return seen
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    proxy = "" if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(parts.scheme, "")
    if proxy:
        seen.findings.append(note("proxy_used", url, proxy=proxy))
        way = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host, port, secure = way.hostname or host, way.port or 8080, False
    seen.findings += await asyncio.to_thread(lambda: list(_way_there(found, host, port, secure)))
    if not any(finding.severity == "error" for finding in seen.findings):
        await _ask(found, token, seen)
    return seen


def _way_there(found: LoadedConfig, host: str, port: int, secure: bool) -> Iterator[Finding]:
    url = found.config.server.url
    reached = reach(host, port)
    if reached.obstacle:
        yield error(f"server_{reached.obstacle}", url, host=host, port=port, why=reached.why)
    elif secure:
        yield from check_certificate(url, host, port, tls_context(found.config.server.ca_file))


def check_certificate(url: str, host: str, port: int, context: ssl.SSLContext) -> Iterator[Finding]:
    """Only what is wrong with it."""
    now = time.strftime("%Y-%m-%d %H:%M")
    try:
        with (
            socket.create_connection((host, port), REACH_SEC) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return
    except ssl.SSLCertVerificationError as failed:
        codes = {_EXPIRED: "tls_expired", _NOT_YET: "tls_not_yet", _WRONG_HOST: "tls_wrong_host"}
        codes[_WRONG_IP] = "tls_wrong_host"
        code = codes.get(failed.verify_code, "tls_unknown_ca")
        yield error(code, url, why=failed.verify_message, now=now)
    except (ssl.SSLError, OSError) as failed:
        why = getattr(failed, "reason", "") or failed.strerror or str(failed)
        yield error("tls_none", url, host=host, port=port, why=why)


async def _ask(found: LoadedConfig, token: str, seen: ServerSeen) -> None:
    """A registration with an empty `agent_uid`: the key is judged, and nothing else happens (docs/protocol.md, 2)."""
    server = found.config.server
    key = server.enrol_key.get_secret_value()
    client = ServerClient(server.url, lambda: token, tls_context(server.ca_file), server.timeout_sec)
    try:
        answers = [await _status(client, client.base_url, bearer, seen) for bearer in (token, key) if bearer]
    except _NO_ANSWER as failed:
        right = await _without_path(client, key, seen)
        why = str(failed) or type(failed).__name__
        seen.findings.append(
            error("server_path", server.url, right=right) if right else error("server_stranger", server.url, why=why)
        )
        return
    finally:
        await client.close()
    seen.findings += _judge(found, bool(token), bool(key), answers)


async def _without_path(client: ServerClient, key: str, seen: ServerSeen) -> str:
    """The server's own address where somebody wrote that of one of its pages; empty where that is not what is wrong."""
    parts = urlsplit(client.base_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.path in ("", "/"):
        return ""
    try:
        await _status(client, origin, key, seen)
    except _NO_ANSWER:
        return ""
    return origin


async def _status(client: ServerClient, base_url: str, bearer: str, seen: ServerSeen) -> tuple[int, float]:
    """Status and milliseconds. Raises `ValueError` for an answer of another protocol."""
    before, began = time.time(), time.monotonic()
    async with client.http.post(
        base_url + PATH,
        json={"agent_uid": ""},
        headers={"Authorization": f"Bearer {bearer}"},
        allow_redirects=False,
    ) as response:
        content = await response.content.read(64 << 10)
    took = time.monotonic() - began
    if date := response.headers.get("Date"):
        seen.offset_sec = before + took / 2 - (parsedate_to_datetime(date).timestamp() + 0.5)
    if response.status not in (400, 401, 403, 422):
        raise ValueError(_quoted(response.status, content))
    try:
        Reply.model_validate_json(content)
    except ValueError:
        raise ValueError(_quoted(response.status, content)) from None
    return response.status, took * 1000


def _quoted(status: int, content: bytes) -> str:
    beginning = " ".join(content[:100].decode(errors="replace").split())
    return f"HTTP {status}: {beginning}" if beginning else f"HTTP {status}"


def _judge(found: LoadedConfig, has_token: bool, has_key: bool, answers: list[tuple[int, float]]) -> Iterator[Finding]:
    url = found.config.server.url
    if not answers:
        yield error("enrol_none", url)
        return
    good = [status not in (401, 403) for status, _ in answers]
    ms = f"{answers[0][1]:.0f}"
    if good[0]:
        yield ok("server_well", url, ms=ms)
    elif has_token and has_key and good[-1]:
        yield warning("token_renewed", url)
    elif has_token:
        yield error("token_refused", url)
    if has_key and not good[-1]:
        severe = warning if has_token and good[0] else error
        yield severe("enrol_refused", url, origin=found.origins["server.enrol_key"])
