"""Passwords of people: what is good enough, and their hashes (argon2id, RFC 9106)."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST_CHARS = 10
MOST_CHARS = 200
"""Longer ones are refused, not cut: hashing a megabyte would be work for nothing."""

HASHER = PasswordHasher()
"""RFC 9106's second recommendation (64 MiB, 3 passes): about 0.1 s on a classroom PC."""
_AT_ONCE = asyncio.Semaphore(2)
"""Each takes 64 MiB while it lasts: a burst of attempts queues instead of filling the memory."""


def is_good(password: str, name: str) -> bool:
    """Whether a password may be set: long enough, and not the name. Composition rules only make people write them
    down (NIST SP 800-63B, 3.1.1.2).
    """
    return LEAST_CHARS <= len(password) <= MOST_CHARS and password.casefold() != name.casefold()


async def hashed(password: str) -> str:
    """The hash to keep."""
    async with _AT_ONCE:
        return await asyncio.to_thread(HASHER.hash, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. Without a hash (nobody has that name) it takes as long and is False."""
    if len(password) > MOST_CHARS:
        return False
    async with _AT_ONCE:
        right = await asyncio.to_thread(_verify, password_hash or _nobodys(), password)
    return right and password_hash is not None


def _verify(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return HASHER.hash("the password of nobody")
