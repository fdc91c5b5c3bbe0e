"""Tells when this machine's network has come or come back: a cable, an address, a route (rtnetlink(7)).

So the daemon need not wait for a network when the machine boots (a switch may take half a minute to let a port through,
and a second network card without a cable holds up `network-online.target` for a minute or two), and a camera is tried
again at once instead of when a back-off has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

_LINK, _IPV4_ADDRESS, _IPV4_ROUTE, _IPV6_ADDRESS, _IPV6_ROUTE = 0x1, 0x10, 0x40, 0x100, 0x400
_NEW_LINK, _NEW_ADDRESS, _NEW_ROUTE = 16, 20, 24
_LOWER_UP = 0x10000
_HEAD = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, sender."""
_LINK_HEAD = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, device type, index, flags, changed flags."""
SOON_SEC, LATER_SEC = 0.2, 3.0
"""Told when what belongs together has come, and once more for what comes up a moment after the link. News without end
are told so often, and no more."""


class NetworkNotice:
    """Calls `on_news` after something came up.

    Where the kernel tells nothing, `open` says so in the log, and a back-off is waited out.
    """

    def __init__(self, on_news: Callable[[], None]) -> None:
        self._on_news = on_news
        self._socket: socket.socket | None = None
        self._up: set[int] = set()
        self._soon: asyncio.TimerHandle | None = None
        self._later: asyncio.TimerHandle | None = None
        self._rests_until = 0.0

    def open(self) -> None:
        """Begin; needs a running event loop."""
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
            )
            self._socket.bind((0, _LINK | _IPV4_ADDRESS | _IPV4_ROUTE | _IPV6_ADDRESS | _IPV6_ROUTE))
        except OSError as error:
            self.close()
            log.info("the kernel does not tell when the network comes back (%s)", error)
            return
        asyncio.get_running_loop().add_reader(self._socket, self._readable, self._socket)

    def _readable(self, ours: socket.socket) -> None:
        try:
            data = ours.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: so much came that some of it was dropped
            news = True
        else:
            news = sum(self._is_news(kind, body) for kind, body in messages(data)) > 0
        if news:
            self._plan(asyncio.get_running_loop())

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop.time() >= self._rests_until:
            self._rests_until = loop.time() + LATER_SEC
            self._soon = loop.call_later(SOON_SEC, self._on_news)
        if self._later is not None:
            self._later.cancel()
        self._later = loop.call_later(LATER_SEC, self._on_news)

    def _is_news(self, kind: int, body: bytes) -> bool:
        if kind != _NEW_LINK:
            return kind in (_NEW_ADDRESS, _NEW_ROUTE)
        _, _, index, flags, _ = _LINK_HEAD.unpack_from(body)
        was_up = index in self._up
        if flags & _LOWER_UP:
            self._up.add(index)
            return not was_up
        self._up.discard(index)
        return False

    def close(self) -> None:
        """No more calls."""
        for call in (self._soon, self._later):
            if call is not None:
                call.cancel()
        if self._socket is not None:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each message of a datagram (netlink(7): lengths count the head, messages begin at multiples of
    four)."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, kind, *_ = _HEAD.unpack_from(data, at)
        if length < _HEAD.size:
            return
        body = data[at + _HEAD.size : at + length]
        if kind != _NEW_LINK or len(body) >= _LINK_HEAD.size:
            yield kind, body
        at += (length + 3) & ~3
