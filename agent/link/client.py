"""One HTTP client for the server: address, token, time limit and certificate authority in one place."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import aiohttp
from pydantic import ValidationError

from agent.wire.models import Reply, WireModel

M = TypeVar("M", bound=WireModel)

MAX_ANSWER = 8 << 20
_JUST_THIS_BODY = {
    HTTPStatus.OK,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}


class ServerError(Exception):
    """The server did not do what was asked; the message says why.

    `refused` marks a wrong token or key, `rejected` an answer of the protocol that says no to just this body.
    """

    def __init__(self, message: str, *, refused: bool = False, rejected: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        self.rejected = rejected


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates are always verified, against the system's authorities or the given bundle."""
    return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))


class ServerClient:
    """Posts bodies of the gather protocol and reads the answers."""

    def __init__(self, base_url: str, token: Callable[[], str], tls: ssl.SSLContext, timeout_sec: float) -> None:
        self.base_url = base_url.rstrip("/")
        self.tls = tls
        self.refused = asyncio.Event()
        """Set when the server refused the token or key; cleared by whoever registers anew."""
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls),
            timeout=aiohttp.ClientTimeout(total=timeout_sec),
            trust_env=True,
        )
        self._token = token

    @property
    def has_token(self) -> bool:
        """Whether the server has let this agent in before: without, only a registration makes sense."""
        return bool(self._token())

    async def post(self, path: str, body: WireModel, answer: type[M], *, token: str | None = None) -> M:
        """`POST <base><path>`. Raises `ServerError` unless the answer is the expected model with `err_code` 0.

        An answer without `err_code` confirms nothing, whatever else it says: portals and proxies speak JSON too.
        """
        bearer = self._token() if token is None else token
        try:
            async with self.http.post(
                self.base_url + path,
                data=body.model_dump_json(),
                headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                status = response.status
                content = await _whole(response.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ServerError(f"{self.base_url} cannot be reached: {str(error) or type(error).__name__}") from error
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            self.refused.set()
            raise ServerError(f"{self.base_url} refuses this agent's key or token ({status})", refused=True)
        return _read(path, status, content, answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self.http.close()


async def _whole(stream: aiohttp.StreamReader) -> bytes:
    content = bytearray()
    async for piece in stream.iter_chunked(64 << 10):
        content += piece
        if len(content) > MAX_ANSWER:
            raise aiohttp.ClientPayloadError(f"an answer of more than {MAX_ANSWER >> 20} MiB")
    return bytes(content)


def _read(path: str, status: int, content: bytes, answer: type[M]) -> M:
    try:
        envelope = Reply.model_validate_json(content)
        if envelope.err_code != 0:
            raise ServerError(
                f"{path}: the server says {envelope.err_code} {envelope.err_msg}",
                rejected=status in _JUST_THIS_BODY,
            )
        if "err_code" in envelope.model_fields_set and status == HTTPStatus.OK:
            return answer.model_validate_json(content)
    except ValidationError as error:
        raise _no_answer(path, status, content) from error
    raise _no_answer(path, status, content)


def _no_answer(path: str, status: int, content: bytes) -> ServerError:
    return ServerError(f"{path}: the server's answer ({status}) is not of this protocol: {content[:120]!r}")
