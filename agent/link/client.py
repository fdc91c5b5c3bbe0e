"""One HTTP client for the server: address, token, time limit and certificate authority in one place."""

from __future__ import annotations

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


class ServerError(Exception):
    """The server did not do what was asked; the message says why. `refused` marks a wrong token or key."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates are always verified, against the system's authorities or the given bundle."""
    return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))


class ServerClient:
    """Posts bodies of the gather protocol and reads the answers."""

    def __init__(self, base_url: str, token: Callable[[], str], tls: ssl.SSLContext, timeout_sec: float) -> None:
        self.base_url = base_url.rstrip("/")
        self.tls = tls
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls),
            timeout=aiohttp.ClientTimeout(total=timeout_sec),
            trust_env=True,
        )
        self._token = token

    async def post(self, path: str, body: WireModel, answer: type[M], *, token: str | None = None) -> M:
        """`POST <base><path>`. Raises `ServerError` unless the answer is the expected model with `err_code` 0."""
        bearer = self._token() if token is None else token
        try:
            async with self.http.post(
                self.base_url + path,
                data=body.model_dump_json(),
                headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                status = response.status
                content = await response.content.read(MAX_ANSWER)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ServerError(f"{self.base_url} cannot be reached: {str(error) or type(error).__name__}") from error
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise ServerError(f"{self.base_url} refuses this agent's key or token ({status})", refused=True)
        try:
            envelope = Reply.model_validate_json(content)
            if envelope.err_code != 0:
                raise ServerError(f"{path}: the server says {envelope.err_code} {envelope.err_msg}")
            return answer.model_validate_json(content)
        except ValidationError as error:
            raise ServerError(
                f"{path}: the server's answer ({status}) is not of this protocol: {content[:120]!r}"
            ) from error

    async def close(self) -> None:
        """Let go of connections."""
        await self.http.close()
