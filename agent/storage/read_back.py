"""What a storage holds, read back and summed."""

from __future__ import annotations

import asyncio
import hashlib

import aiohttp

from agent.storage.body import FileBody

WAITING = 512 << 10
"""Bytes that may wait in memory (`read_bufsize`) before the storage is slowed down."""
_SUMMED = 2 << 20  # bytes that are summed at once, in a thread
AS_IT_IS = {"Accept-Encoding": "identity"}
"""Whoever stands before the storage shall not compress: lengths are compared."""


def told_size(answer: aiohttp.ClientResponse, body: FileBody) -> bool:
    """Whether the answer's length can be that of the file. One that is compressed all the same has another."""
    told = answer.headers.get("Content-Length")
    return told is None or "Content-Encoding" in answer.headers or told == str(body.size)


async def sha256_of(answer: aiohttp.ClientResponse, body: FileBody) -> str:
    """That of an answer's content, empty where it is longer than the file. Some is summed while the next is coming."""
    digest, size, waiting, begun = hashlib.sha256(), 0, list[bytes](), 0
    loop = asyncio.get_running_loop()
    summing: asyncio.Future[None] = loop.create_future()
    summing.set_result(None)

    def add(pieces: list[bytes]) -> None:
        for piece in pieces:
            digest.update(piece)

    async for piece in answer.content.iter_any():
        body.alive()
        size += len(piece)
        if size > body.size:
            break
        waiting.append(piece)
        if size - begun >= _SUMMED:
            await summing
            summing, waiting, begun = loop.run_in_executor(None, add, waiting), [], size
    await summing
    add(waiting)
    return digest.hexdigest() if size == body.size else ""
