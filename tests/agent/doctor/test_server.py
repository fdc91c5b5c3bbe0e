"""The way to the server and whether it lets this agent in: real sockets, real certificates, the embedded server."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from agent.config import LoadedConfig, load_config
from agent.doctor.findings import Finding
from agent.doctor.server import ServerSeen, check_server
from agent.standalone.server import EmbeddedServer
from agent.standalone.settings import ServerSettings

AUTHORITY = trustme.CA()
LONG_AGO, SOON_AFTER, FAR = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2021, 2110))
CERTIFICATES = {
    "good": AUTHORITY.issue_cert("localhost", "127.0.0.1"),
    "expired": AUTHORITY.issue_cert("localhost", not_before=LONG_AGO, not_after=SOON_AFTER),
    "early": AUTHORITY.issue_cert("localhost", not_before=FAR, not_after=FAR.replace(year=2120)),
    "other": AUTHORITY.issue_cert("recorder.school.example"),
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


class Answering(ThreadingHTTPServer):
    """Answers every request below `only` with these bytes and, if asked, with another time."""

    daemon_threads = True

    def __init__(
        self, status: int, body: bytes, ahead_sec: float = 0.0, certificate: str = "", only: str = "/"
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body, self.ahead_sec, self.only = status, body, ahead_sec, only
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            CERTIFICATES[certificate].configure_cert(context)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that refuses the certificate hangs up: as it should."""


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response_only(self.server.status if self.path.startswith(self.server.only) else 404)
        self.send_header("Date", formatdate(time.time() + self.server.ahead_sec, usegmt=True))
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""


@contextlib.contextmanager
def answering(*args: object, **more: object) -> Iterator[int]:
    """Its port."""
    server = Answering(*args, **more)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def configured(url: str, tmp_path: Path, key: str = "", ca_file: Path | None = None) -> LoadedConfig:
    wanted = {"server.url": url, "server.enrol_key": key, "paths.state": tmp_path / "state"}
    if ca_file is not None:
        wanted["server.ca_file"] = ca_file
    return load_config(overrides=wanted, search=())


async def look(
    url: str, tmp_path: Path, *, key: str = "a-key", token: str = "", ca_file: Path | None = None
) -> tuple[list[str], ServerSeen]:
    seen = await check_server(configured(url, tmp_path, key, ca_file), token)
    for finding in seen.findings:
        for language in ("en", "zh"):
            assert finding.what(language)
            assert "a-key" not in finding.what(language) + finding.advice(language)
    return [finding.code for finding in seen.findings], seen


BAD_KEY = json.dumps({"err_code": 401, "err_msg": "no"}).encode()
GOOD_KEY = json.dumps({"err_code": 400, "err_msg": "agent_uid: must not be empty"}).encode()


async def test_no_server_no_name_no_port(tmp_path: Path) -> None:
    assert (await look("", tmp_path))[0] == ["server_none"]
    assert (await look("http://no-such-server.invalid", tmp_path))[0] == ["server_no_dns"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert (await look(f"https://127.0.0.1:{port}", tmp_path))[0] == ["server_closed"]


@pytest.mark.parametrize(
    ("certificate", "trusts", "host", "code"),
    [
        ("good", True, "127.0.0.1", "server_well"),
        ("good", True, "localhost", "server_well"),
        ("good", False, "localhost", "tls_unknown_ca"),
        ("expired", True, "localhost", "tls_expired"),
        ("early", True, "localhost", "tls_not_yet"),
        ("other", True, "localhost", "tls_wrong_host"),
        ("other", True, "127.0.0.1", "tls_wrong_host"),
    ],
)
async def test_certificates(tmp_path: Path, certificate: str, trusts: bool, host: str, code: str) -> None:
    authority = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(authority))
    with answering(400, GOOD_KEY, certificate=certificate) as port:
        codes, _ = await look(f"https://{host}:{port}", tmp_path, ca_file=authority if trusts else None)
    assert codes == [code]


async def test_a_server_without_tls_where_https_was_written(tmp_path: Path) -> None:
    with answering(400, GOOD_KEY) as port:
        assert (await look(f"https://127.0.0.1:{port}", tmp_path))[0] == ["tls_none"]


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>log in</html>"), (404, b"nothing"), (401, b"<html>"), (302, b""), (500, b"{}")]
)
async def test_somebody_else_answers(tmp_path: Path, status: int, body: bytes) -> None:
    with answering(status, body) as port:
        assert (await look(f"http://127.0.0.1:{port}", tmp_path))[0] == ["server_stranger"]


async def test_the_address_of_a_page_instead_of_the_server_s(tmp_path: Path) -> None:
    with answering(400, GOOD_KEY, only="/gather/") as port:
        codes, seen = await look(f"http://127.0.0.1:{port}/login", tmp_path)
        assert codes == ["server_path"]
        assert seen.findings[0].data["right"] == f"http://127.0.0.1:{port}"
        assert (await look(f"http://127.0.0.1:{port}", tmp_path))[0] == ["server_well"]


async def test_a_machine_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> socket.socket:
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    monkeypatch.setattr(socket, "create_connection", unreachable)
    assert (await look("http://192.0.2.1", tmp_path))[0] == ["server_no_route"]


@pytest.mark.parametrize("ahead", [-300.0, 0.0, 90.0])
async def test_how_far_the_clocks_are_apart(tmp_path: Path, ahead: float) -> None:
    with answering(400, GOOD_KEY, ahead_sec=ahead) as port:
        _, seen = await look(f"http://127.0.0.1:{port}", tmp_path)
    assert seen.offset_sec == pytest.approx(-ahead, abs=3.0)


async def test_keys_and_tokens_at_the_embedded_server(tmp_path: Path) -> None:
    server = EmbeddedServer(ServerSettings(data_dir=tmp_path / "server", timezone="UTC"))
    await server.start()
    try:
        url, good = server.url, server.enrol_key

        async def ask(key: str, token: str) -> list[tuple[str, str]]:
            seen = await check_server(configured(url, tmp_path, key), token)
            return [(finding.severity, finding.code) for finding in seen.findings]

        assert await ask(good, "") == [("ok", "server_well")]
        assert await ask("wrong-key", "") == [("error", "enrol_refused")]
        assert await ask("", "") == [("error", "enrol_none")]
        assert await ask(good, "a-lost-token") == [("warning", "token_renewed")]
        assert await ask("", "a-lost-token") == [("error", "token_refused")]
        assert await ask("wrong-key", "a-lost-token") == [("error", "token_refused"), ("error", "enrol_refused")]
    finally:
        await server.stop()


def test_where_a_refused_key_came_from_is_named(tmp_path: Path) -> None:
    finding = Finding("error", "enrol_refused", "http://x", {"origin": "credential enrol_key"})
    assert "from credential enrol_key" in finding.what("en")
