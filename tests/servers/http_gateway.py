"""An HTTP gateway before a real storage server that refuses, is full or busy, and lies, as it is told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

Fault = Literal["", "refused", "full", "busy", "lies about size", "holds other bytes", "holds nothing"]

_STATUS = {"refused": 403, "full": 507, "busy": 503}
_HOP = {"connection", "keep-alive", "transfer-encoding", "server", "date"}


@dataclass
class Gateway:
    """Passes everything on to `target` but what its `fault` is about.

    `lies about size`: every answer that tells a size is a byte short. `holds other bytes`: checksums that are told are
    others, and of content that is read back the first byte is. `holds nothing`: uploads are answered like good ones
    and go nowhere.
    """

    target: str
    fault: Fault = ""
    port: int = 0

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[Gateway]:
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        async with aiohttp.ClientSession(auto_decompress=False) as self._http:
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                self.port = runner.addresses[0][1]
                yield self
            finally:
                await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        writes = request.method in ("PUT", "POST", "PATCH")
        if writes and self.fault in _STATUS:
            await request.read()
            wait = {"Retry-After": "7"} if self.fault == "busy" else {}
            return web.Response(status=_STATUS[self.fault], headers=wait)
        if writes and self.fault == "holds nothing":
            await request.read()
            return web.Response(status=201 if request.method == "PUT" and "/dav" in request.path else 200)
        try:
            async with self._http.request(
                request.method,
                self.target + request.raw_path,
                headers=request.headers,
                data=request.content.iter_any() if writes else None,
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
                headers = CIMultiDict(
                    (name, value) for name, value in answer.headers.items() if name.lower() not in _HOP
                )
                if self.fault == "holds other bytes" and "ETag" in headers:
                    headers["ETag"] = f'"{"0" * 32}"'
        except (aiohttp.ClientError, OSError):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if request.method == "HEAD":
            return self._head(answer.status, headers)
        if answer.status < 300:
            content = self._falsified(content, is_json=headers.get("Content-Type", "").startswith("application/json"))
        headers.pop("Content-Length", None)
        return web.Response(status=answer.status, headers=headers, body=content)

    def _head(self, status: int, headers: CIMultiDict[str]) -> web.StreamResponse:
        if self.fault == "lies about size" and status == 200:
            headers["Content-Length"] = str(int(headers["Content-Length"]) - 1)
        return web.Response(status=status, headers=headers)

    def _falsified(self, content: bytes, *, is_json: bool) -> bytes:
        told = json.loads(content) if is_json else {}
        if self.fault == "lies about size" and "size" in told:
            return json.dumps({**told, "size": told["size"] - 1}).encode()
        if self.fault == "lies about size" and not is_json and not content.startswith(b"<?xml"):
            return content[:-1]
        if self.fault == "holds other bytes":
            if "sha256" in told:
                return json.dumps({**told, "sha256": "0" * 64}).encode()
            if content and not content.startswith(b"<?xml"):
                return bytes([content[0] ^ 1]) + content[1:]
        return content
