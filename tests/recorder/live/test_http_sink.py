"""FLV by HTTPS: whose certificate it is counts, and TLS's own messages are not taken for an answer."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from recorder.live.failures import PushEnded
from recorder.live.http_sink import HttpSink
from recorder.live.target import target_of

LIMIT_SEC = 20.0


@dataclass
class TlsServer:
    """Takes one request; `body` is what came behind its head, chunks and all."""

    url: str
    ca_file: str
    body: bytearray = field(default_factory=bytearray)
    done: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def tls_server(folder: Path, answer: bytes, name: str = "127.0.0.1") -> Iterator[TlsServer]:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = TlsServer(f"https://127.0.0.1:{listener.getsockname()[1]}/live/x", str(ca_file))
        thread = threading.Thread(target=_serve, args=(listener, context, answer, server))
        thread.start()
        yield server
        thread.join(LIMIT_SEC)


def _serve(listener: socket.socket, context: ssl.SSLContext, answer: bytes, server: TlsServer) -> None:
    connection, _ = listener.accept()
    with contextlib.suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as secure:
        head = b""
        while b"\r\n\r\n" not in head:
            head += secure.recv(4096)
        secure.sendall(answer)
        while data := secure.recv(4096):
            server.body += data
    server.done.set()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 100 Continue\r\n\r\n", b""])
def test_what_is_written_arrives_encrypted(tmp_path: Path, answer: bytes) -> None:
    """Also at a server that knows no `Expect`: the session tickets of TLS 1.3 are no answer."""
    with tls_server(tmp_path, answer) as server:
        sink = HttpSink(target_of(server.url), "", server.ca_file, LIMIT_SEC)
        assert sink.write(b"FLV") == 3
        assert sink.write(b"tag" * 1000) == 3000
        sink.close()
        assert server.done.wait(LIMIT_SEC)
    assert bytes(server.body) == b"3\r\nFLV\r\nbb8\r\n" + b"tag" * 1000 + b"\r\n0\r\n\r\n"


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with tls_server(tmp_path, b"") as server, pytest.raises(PushEnded) as ended:
        HttpSink(target_of(server.url), "", "", LIMIT_SEC)
    assert ended.value.cause == "tls"
    assert "certificate" in str(ended.value)


def test_a_certificate_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with tls_server(tmp_path, b"", "other.example") as server, pytest.raises(PushEnded) as ended:
        HttpSink(target_of(server.url), "", server.ca_file, LIMIT_SEC)
    assert ended.value.cause == "tls"


def test_a_refusal_is_heard(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"
    with tls_server(tmp_path, answer) as server, pytest.raises(PushEnded) as ended:
        HttpSink(target_of(server.url), "token", server.ca_file, LIMIT_SEC)
    assert (ended.value.cause, "409 Conflict" in str(ended.value)) == ("refused", True)
