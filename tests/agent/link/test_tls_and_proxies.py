"""Certificates of a school's own authority, wrong ones told apart, and the proxies that the environment names."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from agent.link import server as link_module
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings
from agent.words import Words
from tests.agent.link.linked import Linked, Waits
from tests.servers.http_proxy import HttpProxy, copy
from tests.servers.proxy import target_of

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    waits = Waits()
    monkeypatch.setattr(link_module, "Backoff", lambda: waits)
    return waits


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return authority


@contextlib.asynccontextmanager
async def school_server(folder: Path, certificate: trustme.LeafCert | None) -> AsyncIterator[tuple[str, str]]:
    """The embedded server, behind TLS where there is a certificate: its address by name, and the enrol key."""
    async with contextlib.AsyncExitStack() as stack:
        behind = [0]
        public = ""
        if certificate is not None:
            public = await stack.enter_async_context(tls_in_front(behind, certificate))
        settings = ServerSettings(data_dir=folder / "server", timezone="Asia/Shanghai", public_url=public)
        server = EmbeddedServer(settings)
        await server.start()
        stack.push_async_callback(server.stop)
        behind[0] = target_of(server._services.url)[1]
        yield public or server.url, server.enrol_key


@contextlib.asynccontextmanager
async def tls_in_front(behind: list[int], certificate: trustme.LeafCert) -> AsyncIterator[str]:
    """A reverse proxy that ends TLS in front of the port that will stand in `behind`; its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    async def end_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", behind[0])
        with contextlib.suppress(OSError):
            await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    listening = await asyncio.start_server(end_tls, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


async def test_a_school_with_an_authority_of_its_own(tmp_path: Path, authority: trustme.CA, waits: Waits) -> None:
    async with school_server(tmp_path, authority.issue_cert("localhost")) as (url, key):
        agent = Linked(tmp_path / "agent", url, key, tmp_path / "ca.pem")
        async with agent.running():
            await agent.until(lambda: agent.link.state == "connected")
    assert (waits.seen, agent.state.known.relay_url[:4]) == ([], "wss:")


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ("tls_name", "another host name"),
        ("tls_expired", "has expired"),
        ("tls_too_early", "clock"),
        ("tls_unknown", "nobody this machine trusts"),
    ],
)
async def test_a_certificate_that_does_not_hold_is_told_by_what_is_wrong(
    tmp_path: Path, authority: trustme.CA, waits: Waits, cause: str, sentence: str
) -> None:
    certificate = {
        "tls_name": lambda: authority.issue_cert("other.example"),
        "tls_expired": lambda: authority.issue_cert("localhost", not_after=NOW - DAY),
        "tls_too_early": lambda: authority.issue_cert("localhost", not_before=NOW + DAY),
        "tls_unknown": lambda: trustme.CA().issue_cert("localhost"),
    }[cause]()
    async with school_server(tmp_path, certificate) as (url, key):
        agent = Linked(tmp_path / "agent", url, key, tmp_path / "ca.pem")
        async with agent.running():
            await agent.until(lambda: bool(agent.link.cause))
        assert agent.link.cause == cause
        assert sentence in agent.link.detail
        assert agent.state.token == ""
    for language in ("en", "zh"):
        assert Words(language)(f"link_cause_{cause}")


async def test_plain_http_and_the_relay_go_through_the_proxy(
    tmp_path: Path, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with HttpProxy().serve() as proxy, school_server(tmp_path, None) as (url, key):
        monkeypatch.setenv("http_proxy", proxy.url)
        agent = Linked(tmp_path / "agent", url, key)
        async with agent.running():
            await agent.until(lambda: agent.link.state == "connected")
    assert proxy.requests == [f"{url}/gather/v1/register"]
    assert proxy.tunnels == [url.removeprefix("http://")]  # a websocket is a tunnel, also an unencrypted one


async def test_tls_goes_through_the_proxy_untouched(
    tmp_path: Path, authority: trustme.CA, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        HttpProxy().serve() as proxy,
        school_server(tmp_path, authority.issue_cert("localhost")) as (url, key),
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        agent = Linked(tmp_path / "agent", url, key, tmp_path / "ca.pem")
        async with agent.running():
            await agent.until(lambda: agent.link.state == "connected")
    assert proxy.requests == []
    assert proxy.tunnels == [url.removeprefix("https://")] * 2


@pytest.mark.parametrize("exception", ["127.0.0.1", "*", "example.org,127.0.0.1"])
async def test_no_proxy_is_respected(
    tmp_path: Path, waits: Waits, monkeypatch: pytest.MonkeyPatch, exception: str
) -> None:
    async with HttpProxy(refuse=403).serve() as proxy, school_server(tmp_path, None) as (url, key):
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", exception)
        agent = Linked(tmp_path / "agent", url, key)
        async with agent.running():
            await agent.until(lambda: agent.link.state == "connected")
    assert waits.seen == []


@pytest.mark.parametrize(("variable", "proxy_url"), [("https_proxy", ""), ("https_proxy", "http://127.0.0.1:9")])
async def test_a_proxy_that_does_not_help_is_named(
    tmp_path: Path, authority: trustme.CA, waits: Waits, monkeypatch: pytest.MonkeyPatch, variable: str, proxy_url: str
) -> None:
    async with (
        HttpProxy(refuse=407).serve() as proxy,
        school_server(tmp_path, authority.issue_cert("localhost")) as (url, key),
    ):
        monkeypatch.setenv(variable, proxy_url or proxy.url)
        agent = Linked(tmp_path / "agent", url, key, tmp_path / "ca.pem")
        async with agent.running():
            await agent.until(lambda: bool(agent.link.cause))
    assert agent.link.cause == "proxy"
    assert key not in agent.link.detail


async def test_a_relay_proxy_that_does_not_help_is_named(
    tmp_path: Path, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with HttpProxy(refuse=403).serve() as proxy, school_server(tmp_path, None) as (url, key):
        monkeypatch.setenv("ws_proxy", proxy.url)
        agent = Linked(tmp_path / "agent", url, key)
        async with agent.running():
            await agent.until(lambda: bool(agent.link.cause))
            assert (agent.link.cause, agent.link.state) == ("proxy", "registered")
            monkeypatch.setenv("ws_proxy", "socks5://127.0.0.1:9")
            agent.link.detail = ""
            await agent.until(lambda: "SOCKS" in agent.link.detail)
            monkeypatch.delenv("ws_proxy")
            await agent.until(lambda: agent.link.state == "connected")


async def test_a_name_that_is_nowhere_and_a_port_that_is_closed(tmp_path: Path, waits: Waits) -> None:
    agent = Linked(tmp_path / "agent", "http://no-such-host.invalid", "key")
    async with agent.running():
        await agent.until(lambda: bool(agent.link.cause))
    assert agent.link.cause == "dns"
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    await runner.cleanup()
    agent = Linked(tmp_path / "other", f"http://127.0.0.1:{port}", "key")
    async with agent.running():
        await agent.until(lambda: bool(agent.link.cause))
    assert agent.link.cause == "unreachable"
