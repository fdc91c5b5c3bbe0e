"""`PUT` and `HEAD /gather/v1/files/{name}`: files come in whole, verified and durable, or not at all."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aiohttp import ClientPayloadError, web
from sqlalchemy.orm import Session

from agent.standalone.gather.files import STORAGE_PREFIX, FileName, FileStore, NameBusy, parse_name, written
from agent.standalone.gather.http import Caller, Refused, answer, caller
from agent.standalone.services import SERVICES
from agent.standalone.store.schema import Camera
from agent.standalone.store.schema import StoredFile as StoredRow
from agent.standalone.store.trash import keep_after_all
from agent.wire.models import StoredFile

CHUNK = 1 << 20
CHUNK_SECONDS = 60.0
"""How long the next bytes of an upload may take."""

_DIGEST = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an upload will lie, and what already lies there under its name."""

    relative: str
    size: int = -1
    sha256: str = ""


async def put_file(request: web.Request) -> web.Response:
    """Take an upload. The same content again gets the same answer; other content under the same name is refused
    (409).
    """
    services = request.app[SERVICES]
    who = await caller(request)
    name = _name(request)
    digest = _content_digest(request)
    if request.content_length is None:
        raise Refused(411, "a Content-Length header is needed")
    place = await services.database.run(_find_place, who, name, services.files, for_writing=True)
    known = not name.live and (place.size, place.sha256) == (request.content_length, digest.hex())
    if known and services.files.path(place.relative).is_file():
        await _drain(request)
        return _stored(place.relative, place.size, place.sha256)
    if place.size >= 0 and not name.live and not known:
        raise Refused(409, "other content is stored under this name")
    try:
        with services.files.arriving(name.text) as (file, arrived):
            size = await _receive(request, file, arrived, digest)
            await asyncio.to_thread(services.files.keep, arrived, place.relative)
    except NameBusy as error:
        raise Refused(503, "this name is being uploaded by another request") from error
    except OSError as error:
        if error.errno in _FULL:
            raise Refused(507, "the storage is full") from error
        raise
    sha256 = digest.hex()
    row = StoredRow(name=name.text, gather_id=who.gather_id, camera_id=name.camera_id, path=place.relative)
    row.size, row.sha256, row.created = size, sha256, services.clock()
    await services.database.run(_enter, row)
    return _stored(place.relative, size, sha256)


async def head_file(request: web.Request) -> web.Response:
    """Tell what is stored under a name: its size, and its checksum as `Repr-Digest`."""
    services = request.app[SERVICES]
    who = await caller(request)
    place = await services.database.run(_find_place, who, _name(request), services.files)
    path = services.files.path(place.relative)
    if place.size < 0 or not path.is_file() or path.stat().st_size != place.size:
        raise Refused(404, "no such file is stored")
    checksum = base64.b64encode(bytes.fromhex(place.sha256)).decode()
    headers = {"Content-Length": str(place.size), "Repr-Digest": f"sha-256=:{checksum}:"}
    return web.Response(headers=headers, content_type="application/octet-stream")


def _name(request: web.Request) -> FileName:
    name = parse_name(request.match_info["name"])
    if name is None:
        raise Refused(400, "name: neither a finished slice, nor its thumbnail, nor live_<camera_id>.jpg")
    return name


def _content_digest(request: web.Request) -> bytes:
    match = _DIGEST.search(request.headers.get("Content-Digest", ""))
    if match is None:
        raise Refused(400, "a Content-Digest header with sha-256 (RFC 9530) is needed")
    try:
        return base64.b64decode(match[1], validate=True)
    except binascii.Error as error:
        raise Refused(400, "Content-Digest: not base64") from error


def _find_place(
    session: Session, who: Caller, name: FileName, files: FileStore, *, for_writing: bool = False
) -> _Place:
    camera = session.get(Camera, name.camera_id)
    if camera is not None and camera.gather_id != who.gather_id:
        raise Refused(409, f"channel {name.camera_id} is another agent's")
    if camera is None and name.live:
        raise Refused(404, f"there is no channel {name.camera_id}")
    row = session.get(StoredRow, name.text)
    if row is None:
        relative = files.place(name, camera.snapshot_key if camera else "")
        if for_writing:
            keep_after_all(session, relative)
        return _Place(relative)
    if row.gather_id != who.gather_id:
        raise Refused(409, "this file is another agent's")
    return _Place(row.path, row.size, row.sha256)


async def _receive(request: web.Request, file: BinaryIO, path: Path, digest: bytes) -> int:
    """The body on disk, verified; refused when it is not what its headers say."""
    while chunk := await _next_bytes(request, CHUNK):
        await asyncio.to_thread(_write_all, file, chunk)
    size, checksum = await asyncio.to_thread(written, file, path)
    if size != request.content_length:
        raise Refused(422, f"{size} bytes came, Content-Length says {request.content_length}")
    if checksum != digest:
        raise Refused(422, "the content does not match its Content-Digest")
    return size


async def _drain(request: web.Request) -> None:
    """Read what the caller sends although it is here already, so that it comes to reading the answer."""
    while await _next_bytes(request, CHUNK):
        pass


async def _next_bytes(request: web.Request, most: int) -> bytes:
    """Up to `most` bytes of the body, gathered so that the disk gets large pieces; nothing at its end."""
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(CHUNK_SECONDS):
            while size < most and (piece := await request.content.readany()):
                pieces.append(piece)
                size += len(piece)
    except TimeoutError as error:
        raise Refused(408, f"no more bytes came within {CHUNK_SECONDS:.0f} s") from error
    except (ClientPayloadError, ConnectionError) as error:
        raise Refused(400, "the upload broke off") from error
    return b"".join(pieces)


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _enter(session: Session, row: StoredRow) -> None:
    session.merge(row)


def _stored(relative: str, size: int, sha256: str) -> web.Response:
    return answer(StoredFile(file=STORAGE_PREFIX + relative, size=size, sha256=sha256))
