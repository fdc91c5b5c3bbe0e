"""One HTTP client for the server: address, token, time limit and certificate authority in one place."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import aiohttp
from pydantic import ValidationError

from agent.link.failure import LinkCause, ServerError, no_connection, rest_wanted
from agent.wire.models import Reply, WireModel

M = TypeVar("M", bound=WireModel)

MAX_ANSWER = 1 << 20
"""Bytes. No answer of the protocol comes near it; what is larger is none, and costs no more memory than this."""
_JUST_THIS_BODY = {
    HTTPStatus.OK,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_REDIRECTS = range(300, 400)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates are always verified, against the system's authorities or the given bundle. Where that cannot be
    read nobody is trusted: the configuration's check has said so (`config.load`), and lessons are recorded.
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def tls_everywhere(ca_file: Path | None) -> ssl.SSLContext:
    """For who may be the school's own or anybody's: the system's authorities, and the given bundle as well."""
    context = ssl.create_default_context()
    if ca_file is not None:
        with contextlib.suppress(OSError):
            context.load_verify_locations(cafile=str(ca_file))
    return context


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
                status, headers = response.status, response.headers
                content = await _whole(response.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise no_connection(self.base_url, error) from error
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            self.refused.set()
            raise ServerError(
                f"{self.base_url} refuses this agent's key or token ({status}); "
                "take a new enrol key from the server's console if this goes on",
                "refused",
                refused=True,
            )
        return _read(path, status, headers, content, answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self.http.close()


async def _whole(stream: aiohttp.StreamReader) -> bytes:
    content = bytearray()
    async for piece in stream.iter_chunked(64 << 10):
        content += piece
        if len(content) > MAX_ANSWER:
            raise ServerError(f"the server's answer has more than {MAX_ANSWER >> 20} MiB: not this protocol", "garbage")
    return bytes(content)


def _read(path: str, status: int, headers: Mapping[str, str], content: bytes, answer: type[M]) -> M:
    if status in _REDIRECTS:
        # Followed, it would carry the token to wherever a captive portal or a typing error points.
        raise ServerError(
            f"{path}: the server sends us on to {headers.get('Location', '')[:200]!r}, which is not followed; "
            "set server.url to where it really is",
            "redirect",
        )
    rest_sec = rest_wanted(headers.get("Retry-After"))
    try:
        envelope = Reply.model_validate_json(content)
        if envelope.err_code != 0:
            raise ServerError(
                f"{path}: the server says {envelope.err_code} {envelope.err_msg[:300]}",
                "busy" if rest_sec else "said_no",
                rejected=status in _JUST_THIS_BODY,
                conflict=status == HTTPStatus.CONFLICT,
                rest_sec=rest_sec,
            )
        if "err_code" in envelope.model_fields_set and status == HTTPStatus.OK:
            return answer.model_validate_json(content)
    except ValidationError as error:
        raise _no_answer(path, status, content, rest_sec) from error
    raise _no_answer(path, status, content, rest_sec)


def _no_answer(path: str, status: int, content: bytes, rest_sec: float) -> ServerError:
    cause: LinkCause = "busy" if rest_sec else "broken" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "garbage"
    text = f"{path}: the server's answer ({status}) is not of this protocol: {content[:120]!r}"
    return ServerError(text, cause, rest_sec=rest_sec)
