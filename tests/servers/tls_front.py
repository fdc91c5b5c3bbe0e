"""TLS in front of a server that knows none."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class TlsFront:
    """`ca_file` vouches for the first certificate."""

    port: int
    ca_file: Path


@contextlib.contextmanager
def tls_front(folder: Path, behind: int, *names: str, until: datetime | None = None) -> Iterator[TlsFront]:
    """Listens on 127.0.0.1 until the end of the block, for the server on port `behind`.

    The first connection sees a certificate for the first of `names`, the next one that for the second, and so on; the
    last stays. `until`: when they expire.
    """
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    contexts = []
    for name in names:
        contexts.append(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
        authority.issue_cert(name, not_after=until).configure_cert(contexts[-1])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []
        thread = threading.Thread(target=_accept, args=(listener, contexts, behind, taken))
        thread.start()
        try:
            yield TlsFront(listener.getsockname()[1], ca_file)
        finally:
            for one in (listener, *taken):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, contexts: list[ssl.SSLContext], behind: int, taken: list[socket.socket]) -> None:
    threads: list[threading.Thread] = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            break
        taken.append(connection.dup())
        context = contexts.pop(0) if len(contexts) > 1 else contexts[0]
        threads.append(threading.Thread(target=_serve, args=(connection, context, behind)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    for one in taken:
        one.close()


def _serve(connection: socket.socket, context: ssl.SSLContext, behind: int) -> None:
    with connection, contextlib.suppress(OSError):
        secure = context.wrap_socket(connection, server_side=True)
        with secure, socket.create_connection(("127.0.0.1", behind)) as server:
            back = threading.Thread(target=_pass_on, args=(server, secure))
            back.start()
            _pass_on(secure, server)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
