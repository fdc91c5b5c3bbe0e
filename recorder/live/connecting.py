"""Connections to push targets: reached within a limit, given up when they stall, believed only with a certificate."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

from recorder.clocks import monotonic
from recorder.live.failures import PushEnded
from recorder.live.target import Target

STALL_SEC = 8.0
"""So long a server may take no byte."""
UNSENT_BYTES = 64 << 10
"""What the kernel may keep unsent: more would only be old when it arrives, and hide that nobody reads it."""
_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, openEuler
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine
)


def connect(target: Target, ca_file: str, limit_sec: float) -> socket.socket:
    """A connection, encrypted where the target's scheme says so; `ca_file` replaces the system's authorities.

    Raises `PushEnded`, which says why: libav does not.
    """
    end = monotonic() + limit_sec
    plain = _reached(target, _addresses(target, limit_sec), end)
    bound_waits(plain)
    if not target.encrypted:
        return plain
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        return context.wrap_socket(plain, server_hostname=target.host)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise PushEnded("tls", f"{target.shown}: its certificate is not valid ({error.verify_message})") from error
    except OSError as error:
        plain.close()
        raise PushEnded("tls", f"{target.shown}: no encrypted connection ({error.strerror or error})") from error


def _addresses(target: Target, limit_sec: float) -> list[str]:
    """Where the host is; the system's resolver knows no time limit, and cannot be interrupted."""
    found: list[str] = []
    failed: list[OSError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except OSError as error:
            failed.append(error)
        else:
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))

    asking = threading.Thread(target=ask, name="resolver", daemon=True)
    asking.start()
    asking.join(limit_sec)
    if found:
        return found
    why = "no answer from the name server" if not failed else failed[0].strerror or str(failed[0])
    raise PushEnded("unresolved", f"{target.shown}: {target.host} is not known ({why})") from next(iter(failed), None)


def _reached(target: Target, addresses: list[str], end: float) -> socket.socket:
    why: OSError = TimeoutError()
    for number, address in enumerate(addresses):
        share = max(0.1, (end - monotonic()) / (len(addresses) - number))
        try:
            return socket.create_connection((address, target.port), timeout=share)
        except OSError as error:
            why = error
    reason = f"no answer from port {target.port}" if isinstance(why, TimeoutError) else why.strerror or str(why)
    raise PushEnded("unreachable", f"{target.shown}: cannot be reached ({reason})") from why


def bound_waits(sock: socket.socket) -> None:
    """Have the kernel give up a connection that stalls, and say early that a line is slow."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(STALL_SEC * 1000))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def authorities(target: Target, ca_file: str) -> str:
    """The file with the authorities that are believed, for a library that has to be told. Raises `PushEnded`."""
    own = ssl.get_default_verify_paths().cafile
    for path in (ca_file,) if ca_file else (own, *_AUTHORITIES):
        if path and Path(path).is_file():
            return path
    raise PushEnded("tls", f"{target.shown}: no file of authorities to check its certificate with; set server.ca_file")
