"""An HTTP proxy as schools have them: CONNECT tunnels, and requests in absolute form; it notes who asked for what."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class HttpProxy:
    """`tunnels` and `requests` are the addresses asked for; with `refuse` every one is answered by that status."""

    refuse: int = 0
    port: int = 0
    tunnels: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its own address, for `http_proxy`."""
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[HttpProxy]:
        """Listen."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, _, rest = head.partition(b"\r\n")
            method, address, _ = first.decode().split(" ")
            if self.refuse:
                writer.write(f"HTTP/1.1 {self.refuse} No\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
                return
            if method == "CONNECT":
                self.tunnels.append(address)
                host, _, port = address.rpartition(":")
                far = await asyncio.open_connection(host, int(port))
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                self.requests.append(address)
                parts = urlsplit(address)
                far = await asyncio.open_connection(parts.hostname, parts.port or 80)
                far[1].write(f"{method} {parts.path} HTTP/1.1\r\n".encode() + rest)
            await asyncio.gather(copy(reader, far[1]), copy(far[0], writer))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the end that broke is the test's concern
        finally:
            writer.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Forward to the end."""
    try:
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()
