"""Boxes of ISO/IEC 14496-12 as bytes: a length of four bytes, four letters, contents."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER = struct.Struct(">I4s")


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of these contents."""
    return b"".join((_HEADER.pack(8 + sum(map(len, parts)), kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """One with a version and 24 flags in front of its contents."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def children(contents: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and contents of each box in `contents`; `ValueError` or `struct.error` where they are no whole boxes."""
    start = 0
    while start < len(contents):
        length, kind = _HEADER.unpack_from(contents, start)
        if not 8 <= length <= len(contents) - start:
            raise ValueError(f"a box of {length} bytes")
        yield kind, contents[start + 8 : start + length]
        start += length


def child(contents: bytes, *path: bytes) -> bytes:
    """The contents of the first box on this way down; `KeyError` where there is none."""
    for wanted in path:
        found = next((inside for kind, inside in children(contents) if kind == wanted), None)
        if found is None:
            raise KeyError(wanted.decode())
        contents = found
    return contents
